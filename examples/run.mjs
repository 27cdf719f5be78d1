// A complete set-up for a browser: a host system, a protected site, an application that signs its users in by OpenID
// Connect, and Latchkey behind nginx with the configuration of deploy/proxies/nginx. This file starts all of it, and ends it together.
import { execFile, spawn } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';

const HELP = `npm run example [-- options]

  --port <port>           the site behind nginx, and Latchkey's public URL (8080)
  --host-port <port>      the host system (4000)
  --site-port <port>      the application behind the proxy (4001)
  --latchkey-port <port>  Latchkey itself (4002)
  --wiki-port <port>      the application with a sign-in of its own (4003)
  --data <directory>      the database (data/example)
`;
const START_SECONDS = 60;
const WIKI = 'Handbook';
const TOKEN_SECONDS = 30 * 24 * 60 * 60;

const options = readOptions();
const directory = mkdtempSync(join(tmpdir(), 'latchkey-example-'));
const root = fileURLToPath(new URL('..', import.meta.url));
const [site, host, wiki] = ['port', 'host-port', 'wiki-port'].map((name) => `http://localhost:${options[name]}`);
const PATH = `${process.env.PATH}:/usr/sbin:/usr/local/sbin`;
const children = [];
const stopping = new AbortController();

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        help: { type: 'boolean', short: 'h' },
        port: { type: 'string', default: '8080' },
        'host-port': { type: 'string', default: '4000' },
        'site-port': { type: 'string', default: '4001' },
        'latchkey-port': { type: 'string', default: '4002' },
        'wiki-port': { type: 'string', default: '4003' },
        data: { type: 'string', default: 'data/example' },
      },
    });
    if (!values.help) return values;
    process.stdout.write(HELP);
    process.exit();
  } catch ({ message }) {
    process.stderr.write(`${message}\n\n${HELP}`);
    process.exit(2);
  }
}

/** Starts a process that ends with this file. If it ends by itself, everything ends. */
function start(name, command, args, env = {}) {
  const child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, PATH, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = new Promise((resolve) => {
    child.once('error', ({ message }) => resolve(stop(1, `${name} can't be started: ${message}`)));
    child.once('exit', (code) => resolve(stop(1, `${name} ended with ${code}.`)));
  });
  children.push({ child, ended });
}

async function stop(status, reason) {
  if (stopping.signal.aborted) return;
  stopping.abort();
  if (reason) process.stderr.write(`${reason}\n`);
  for (const { child } of children) child.kill('SIGTERM');
  process.exitCode = status;
  await Promise.all(children.map(({ ended }) => ended));
  rmSync(directory, { recursive: true, force: true });
}

/** The shipped configuration, with the example's ports and without TLS. nginx looks for included files beside it. */
function nginxConfiguration() {
  cpSync(join(root, 'deploy/proxies/nginx'), directory, { recursive: true });
  const shipped = readFileSync(join(directory, 'site.conf'), 'utf8')
    .replace('https://learn.example.com', site)
    .replaceAll('127.0.0.1:3000', `127.0.0.1:${options['latchkey-port']}`)
    .replaceAll('127.0.0.1:8080', `127.0.0.1:${options['site-port']}`)
    .replace('listen 443 ssl', `listen 127.0.0.1:${options.port}`)
    .replace(/ssl_certificate.*\n/g, '')
    .replace('/var/log/nginx/access.log', `${directory}/access.log`);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${directory}/${kind};`,
  );
  const path = join(directory, 'nginx.conf');
  writeFileSync(
    path,
    `daemon off; pid ${directory}/nginx.pid; error_log stderr warn; events {}\nhttp { ${temporary.join(' ')}\n${shipped}}\n`,
  );
  // If nginx is started by root, its workers run as another user.
  chmodSync(directory, 0o711);
  return path;
}

function isListening(port) {
  return new Promise((resolve) => {
    const socket = connect(port, 'localhost', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

async function untilListening(port) {
  for (
    const end = Date.now() + START_SECONDS * 1000;
    Date.now() < end && !stopping.signal.aborted;
    await setTimeout(100)
  )
    if (await isListening(port)) return;
  if (!stopping.signal.aborted) throw new Error(`Nothing listens on port ${port} after ${START_SECONDS} s.`);
}

/** Registers the application anew, since its ports may have changed, and lets the host system lead users there. */
async function registerWiki(command) {
  const organization = ['--organization', 'Demo Academy'];
  const clients = JSON.parse(await command('clients', 'list', ...organization, '--json'));
  for (const { id, name } of clients) if (name === WIKI) await command('clients', 'delete', id);
  const { id } = clients.find(({ name }) => name === 'Demo host system');
  await command('clients', 'change', id, '--origin', host, '--origin', wiki);
  const addresses = {
    origin: wiki,
    'redirect-uri': `${wiki}/oidc/callback`,
    'initiate-login-uri': `${wiki}/oidc/login`,
    'host-uri': `${host}/`,
    'post-logout-redirect-uri': `${wiki}/`,
    'backchannel-logout-uri': `${wiki}/oidc/logout`,
  };
  const given = Object.entries(addresses).flatMap(([name, address]) => [`--${name}`, address]);
  return JSON.parse(await command('clients', 'create', ...organization, '--name', WIKI, ...given, '--json'));
}

async function main() {
  const run = promisify(execFile);
  await run('nginx', ['-v'], { env: { PATH } }).catch(() => {
    throw new Error('nginx is not installed: apt-get install nginx-light, or brew install nginx.');
  });
  for (const option of ['port', 'host-port', 'site-port', 'latchkey-port', 'wiki-port'])
    if (await isListening(options[option]))
      throw new Error(`Port ${options[option]} is taken: choose another with --${option}.`);

  mkdirSync(options.data, { recursive: true });
  const latchkey = {
    NODE_ENV: 'development',
    PORT: options['latchkey-port'],
    HOST: '127.0.0.1',
    PUBLIC_URL: site,
    TRUSTED_PROXIES: '127.0.0.1',
    SIGN_IN_URL: host,
    DATABASE_PATH: join(options.data, 'latchkey.db'),
    LOG_LEVEL: 'warn',
  };
  start('Latchkey', process.execPath, ['dist/main.cjs'], latchkey);
  await untilListening(options['latchkey-port']);
  const command = async (...args) =>
    (await run(process.execPath, ['dist/cli.cjs', ...args], { cwd: root, env: { ...process.env, ...latchkey } }))
      .stdout;
  const token = await command('token', '--user', 'admin@demo.example', '--ttl', String(TOKEN_SECONDS));
  const client = await registerWiki(command);
  start('The host system', process.execPath, ['examples/host-app/server.mjs'], {
    PORT: options['host-port'],
    LATCHKEY_URL: site,
    LATCHKEY_TOKEN: token.trim(),
    WIKI_URL: wiki,
  });
  start('The application', process.execPath, ['examples/wiki/server.mjs'], {
    PORT: options['wiki-port'],
    ISSUER: site,
    CLIENT_ID: client.client_id,
    CLIENT_SECRET: client.client_secret,
  });
  start('The site', process.execPath, ['examples/site/server.mjs'], { PORT: options['site-port'] });
  start('nginx', 'nginx', ['-p', directory, '-c', nginxConfiguration(), '-e', 'stderr']);
  for (const option of ['host-port', 'site-port', 'wiki-port', 'port']) await untilListening(options[option]);
  if (stopping.signal.aborted) return;
  process.stdout.write(`
  1. Open the host system:  ${host}
     and follow "Continue to the course": you are at the site, signed in.
  2. The protected site:    ${site}/course/first-aid?lesson=2
     Without a session it sends you back to the host system.
  3. Follow "Open the handbook" there: you are in the application, signed in by OpenID Connect.
     Its own address:       ${wiki}

  Ctrl+C ends all of it.

`);
}

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => void stop(0));
main().catch(({ message }) => stop(1, message));
