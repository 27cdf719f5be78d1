// The servers. Each has a process and a database of its own.
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from '../test/support/free-port.js';
import { CALLER } from './dataset.mjs';
import { startBehindNginx } from './instances.mjs';
import { sign } from './tokens.mjs';

const ROOT = new URL('..', import.meta.url);
const TOKEN_SECONDS = 24 * 60 * 60;
const START_TIMEOUT_MS = 30_000;
const PAUSE_MS = 50;

/** The processes that run. None of them outlives this one. */
const running = new Set();
process.prependOnceListener('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/**
 * A server that runs in a process of its own.
 *
 * @typedef {object} Server
 * @property {string} url
 * @property {number} users how many users its database has
 * @property {number} pid
 * @property {() => Promise<void>} stop
 */

/**
 * Starts the service on `database`, filled with so many users.
 *
 * @returns {Promise<Server & { bearer: string, startAgain: () => Promise<Server & { bearer: string }>, addAdministrator: () => Promise<object>, command: (...options: string[]) => Promise<string> }>}
 *   with a token to call it; `startAgain` starts it on the same database after it was stopped, `addAdministrator`
 *   returns what administrator.mjs prints, and `command` runs the command line
 */
export async function startServer(database, users) {
  const environment = await filledDatabase(database, users);
  const server = await start(environment, serviceCommand());
  const bearer = await issueBearer(environment);
  const startAgain = async () => ({ ...(await start(environment, serviceCommand())), bearer, users });
  const addAdministrator = async () => JSON.parse(await run(environment, 'administrator.mjs'));
  const command = (...options) => run(environment, '../dist/cli.cjs', ...options);
  return { ...server, bearer, users, startAgain, addAdministrator, command };
}

/**
 * Starts so many instances of the service on one database behind nginx.
 *
 * @returns {Promise<Server & { bearer: string, instances: number[], nginx: number }>} with the processes' IDs
 */
export async function startInstances(database, users, count) {
  const environment = await filledDatabase(database, users);
  const behind = await startBehindNginx(count, async (url) => {
    const port = await freePort();
    const own = { ...environment, PORT: String(port), PUBLIC_URL: url };
    return start(own, serviceCommand(), `http://127.0.0.1:${port}`);
  });
  const bearer = await issueBearer({ ...environment, PUBLIC_URL: behind.url });
  return { ...behind, bearer, users };
}

/**
 * Starts the baseline, with the same result.
 *
 * @returns {Promise<Server & { bearer: string, signIn: () => Promise<string> }>} `signIn` returns a new cookie
 */
export async function startBaseline(database, users) {
  const environment = { ...(await environmentOn(database)), USERS: String(users) };
  const server = await start(environment, [pathOf('baseline.mjs')]);
  const exp = Math.floor(Date.now() / 1000) + TOKEN_SECONDS;
  const bearer = sign(environment.SECRET_KEY, { sub: CALLER.userId, client_id: CALLER.clientId, exp });
  const signIn = async () => (await (await fetch(`${server.url}/sessions`, { method: 'POST' })).json()).cookie;
  return { ...server, bearer, signIn, users };
}

/**
 * Starts what is installed in bench/others, with the same users.
 *
 * @returns {Promise<Server & { cookie: string, userIds: string[] }>} the cookie is that of an administrator
 */
export async function startBetterAuth(database, users) {
  if (!existsSync(pathOf('others/node_modules')))
    throw new Error('better-auth is not installed: run npm ci --prefix bench/others');
  const environment = { ...(await environmentOn(database)), USERS: String(users) };
  const server = await start(environment, [pathOf('others/better-auth.mjs')]);
  const answer = await fetch(`${server.url}/administrator`);
  return { ...server, ...(await answer.json()), users };
}

/** Microseconds of CPU that the guard takes for a call with a token that it knows. */
export async function measureGuard(database, users) {
  return Number(await run(await filledDatabase(database, users), 'guard.mjs'));
}

/**
 * Seconds that the service takes from `npm start` to its first answer, on a database that exists, without npm's own
 * part. Measured so many times.
 */
export async function measureStarts(database, users, times) {
  const environment = await filledDatabase(database, users);
  // The shell becomes the service at the end, so that a signal to it is one to the service.
  const command = startScript().replace(/&& (?=node [^&]*$)/, '&& exec ');
  const seconds = [];
  // The first start reads the files from the disk, and is not counted.
  for (let i = 0; i <= times; i++) {
    const began = performance.now();
    const child = spawn('sh', ['-c', command], { cwd: ROOT, env: environment, stdio: ['ignore', 'ignore', 'inherit'] });
    running.add(child);
    await untilReady(`${environment.PUBLIC_URL}/health`, child, 2);
    seconds.push((performance.now() - began) / 1000);
    child.kill('SIGTERM');
    await once(child, 'exit');
    running.delete(child);
  }
  return seconds.slice(1);
}

/** Resident memory of a process in megabytes of a million bytes. */
export async function residentMegabytes({ pid }) {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)]);
  return (Number(stdout) * 1024) / 1e6;
}

/** The environment of a new server on a database that the service has migrated, filled with so many users. */
async function filledDatabase(database, users) {
  const environment = await environmentOn(database);
  await run(environment, 'seed.mjs', String(users));
  return environment;
}

async function environmentOn(database) {
  const port = await freePort();
  return {
    PATH: process.env.PATH,
    NODE_ENV: 'test',
    LOG_LEVEL: 'error',
    HOST: '127.0.0.1',
    PORT: String(port),
    PUBLIC_URL: `http://127.0.0.1:${port}`,
    SECRET_KEY: randomBytes(32).toString('hex'),
    LOGIN_TOKEN_TTL: '3600',
    TRUSTED_PROXIES: '127.0.0.1',
    ...database,
  };
}

function issueBearer(environment) {
  const options = ['--user', CALLER.userId, '--client', CALLER.clientId, '--ttl', String(TOKEN_SECONDS)];
  return run(environment, '../dist/cli.cjs', 'token', ...options);
}

/** What `npm start` runs after the build: options of Node, and the script. */
function serviceCommand() {
  return startScript().split('&&').at(-1).trim().split(' ').slice(1);
}

function startScript() {
  return JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')).scripts.start;
}

/** Runs a script to its end and returns its output. */
async function run(environment, script, ...options) {
  const work = promisify(execFile)(process.execPath, [pathOf(script), ...options], { env: environment });
  work.child.stderr.pipe(process.stderr, { end: false });
  running.add(work.child);
  return (await work.finally(() => running.delete(work.child))).stdout.trim();
}

async function start(environment, command, url = environment.PUBLIC_URL) {
  const child = spawn(process.execPath, command, {
    cwd: ROOT,
    env: environment,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  running.add(child);
  const report = (code, signal) => process.stderr.write(`${command.at(-1)} ended with ${signal ?? code}.\n`);
  child.once('exit', report);
  const stop = async () => {
    if (!running.delete(child)) return;
    if (child.off('exit', report).kill('SIGKILL')) await once(child, 'exit');
  };
  try {
    await untilReady(url, child, PAUSE_MS);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, pid: child.pid, stop };
}

async function untilReady(url, child, pauseMs) {
  const giveUpAt = Date.now() + START_TIMEOUT_MS;
  while (child.exitCode === null && child.signalCode === null && Date.now() < giveUpAt) {
    const answered = await fetch(url).then(
      () => true,
      () => false,
    );
    if (answered) return;
    await setTimeout(pauseMs);
  }
  throw new Error(`${child.spawnargs.at(-1)} did not start.`);
}

function pathOf(relative) {
  return fileURLToPath(new URL(relative, import.meta.url));
}
