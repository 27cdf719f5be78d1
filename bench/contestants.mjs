// The servers. Each has a process and a database of its own.
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from '../test/support/free-port.js';
import { CALLER } from './dataset.mjs';
import { sign } from './tokens.mjs';

const TOKEN_SECONDS = 24 * 60 * 60;
const START_TIMEOUT_MS = 30_000;
const PAUSE_MS = 50;

/**
 * Starts the service on `database`, filled with so many users. Returns its URL, a token to call it with, and a function
 * that stops it.
 */
export async function startServer(database, users) {
  const environment = await environmentOn(database, users);
  const server = await start(environment, '../dist/src/main.js');
  const bearer = await run(
    environment,
    '../dist/src/cli.js',
    'token',
    '--user',
    CALLER.userId,
    '--client',
    CALLER.clientId,
    '--ttl',
    String(TOKEN_SECONDS),
  );
  return { ...server, bearer, users };
}

/** Starts the baseline, with the same result. */
export async function startBaseline(database, users) {
  const environment = await environmentOn(database, users);
  const server = await start(environment, 'baseline.mjs');
  const exp = Math.floor(Date.now() / 1000) + TOKEN_SECONDS;
  const bearer = sign(environment.SECRET_KEY, { sub: CALLER.userId, client_id: CALLER.clientId, exp });
  return { ...server, bearer, users };
}

/** Microseconds of CPU that the guard takes for a call with a token that it knows. */
export async function measureGuard(database, users) {
  return Number(await run(await environmentOn(database, users), 'guard.mjs'));
}

/** The environment of a new server on a filled database. */
async function environmentOn(database, users) {
  const port = await freePort();
  const environment = {
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
  await run(environment, 'seed.mjs', String(users));
  return environment;
}

/** Runs a script to its end and returns its output. */
async function run(environment, script, ...options) {
  const running = promisify(execFile)(process.execPath, [pathOf(script), ...options], { env: environment });
  running.child.stderr.pipe(process.stderr, { end: false });
  const stop = () => running.child.kill('SIGKILL');
  process.prependOnceListener('exit', stop);
  try {
    return (await running).stdout.trim();
  } finally {
    process.off('exit', stop);
  }
}

async function start(environment, script) {
  // The options of `npm start`.
  const child = spawn(process.execPath, ['--enable-source-maps', pathOf(script)], {
    env: environment,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const report = (code, signal) => process.stderr.write(`${script} ended with ${signal ?? code}.\n`);
  child.once('exit', report);
  const stop = () => child.off('exit', report).kill('SIGKILL');
  process.prependOnceListener('exit', stop);
  const url = environment.PUBLIC_URL;
  try {
    await untilReady(url, child);
  } catch (error) {
    stop();
    throw error;
  }
  return { url, stop };
}

async function untilReady(url, child) {
  const giveUpAt = Date.now() + START_TIMEOUT_MS;
  while (child.exitCode === null && child.signalCode === null && Date.now() < giveUpAt) {
    const answered = await fetch(url).then(
      () => true,
      () => false,
    );
    if (answered) return;
    await setTimeout(PAUSE_MS);
  }
  throw new Error(`${child.spawnargs.at(-1)} did not start.`);
}

function pathOf(relative) {
  return fileURLToPath(new URL(relative, import.meta.url));
}
