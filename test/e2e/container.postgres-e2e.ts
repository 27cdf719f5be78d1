import { execFileSync, spawn, spawnSync } from 'node:child_process';
import type { ChildProcess, SpawnSyncReturns } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { call, TEST_SECRET } from '../support/app.js';
import { ContainerRecipe } from '../support/container-recipe.js';
import type { ImageConfiguration } from '../support/container-recipe.js';
import { createDatabase, dropDatabase } from '../support/database.js';
import { freePort } from '../support/free-port.js';
import { Proxy } from '../support/proxy.js';

const FOLDER = 'deploy/containers';
/** A user whom this machine has no name for, as the container has none for its own. Only root can become one. */
const AS = process.getuid!() === 0 ? { uid: 54_321, gid: 54_321 } : {};

const recipe = new ContainerRecipe(`${FOLDER}/Containerfile`, '.');
let image: ImageConfiguration;
let service: ChildProcess | undefined;

beforeAll(async () => {
  await createDatabase();
  image = recipe.build();
  execFileSync('chmod', ['-R', 'a-w', recipe.place(image.workdir)]);
  // The folders above it are for their owner alone.
  for (let path = recipe.place('/'); path !== tmpdir(); path = join(path, '..')) chmodSync(path, 0o755);
  if (AS.uid) execFileSync('chown', ['-R', String(AS.uid), recipe.place('/data')]);
}, 900_000);
afterAll(async () => {
  recipe.remove();
  await dropDatabase();
});
afterEach(async () => {
  if (service) await stop('SIGKILL');
});

/** The environment of the image, with its folders on this machine. */
function environment(overrides: Record<string, string>): Record<string, string> {
  const env = Object.entries(image.env).map(([name, value]) => [
    name,
    value.startsWith('/data') ? recipe.place(value) : value,
  ]);
  return { PATH: recipe.place('/usr/local/bin'), ...Object.fromEntries(env), ...overrides };
}

function options(env: Record<string, string>): {
  cwd: string;
  env: Record<string, string>;
  uid?: number;
  gid?: number;
} {
  return { ...AS, cwd: recipe.place(image.workdir), env: environment(env) };
}

/** Starts what the image starts, and answers its address. */
async function start(env: Record<string, string>, ...args: string[]): Promise<string> {
  const port = String(await freePort());
  const [program, ...rest] = image.entrypoint;
  service = spawn(recipe.place(`/usr/local/bin/${program}`), [...rest, ...args], {
    ...options({ PORT: port, HOST: '127.0.0.1', PUBLIC_URL: 'https://login.example.com', ...env }),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: service.stdout! }))
    if (/Ready on http/.test(line)) return `http://127.0.0.1:${port}`;
  throw new Error(`The service ended with ${service.exitCode}.`);
}

async function stop(signal: NodeJS.Signals): Promise<unknown> {
  const ending = service!;
  service = undefined;
  if (ending.exitCode !== null) return ending.exitCode;
  const ended = once(ending, 'exit');
  ending.kill(signal);
  return (await ended)[0];
}

function node(env: Record<string, string>, ...args: string[]): SpawnSyncReturns<string> {
  return spawnSync(recipe.place('/usr/local/bin/node'), args, { ...options(env), encoding: 'utf8' });
}

describe('the image that deploy/containers/Containerfile makes', () => {
  it('runs as another user than root, named by a number, with one volume, and ends at SIGTERM', () => {
    expect(image).toMatchObject({ user: '1000:1000', volumes: ['/data'], stopSignal: 'SIGTERM' });
  });

  it('has the packages of production and no others', () => {
    const installed = packagesOf(recipe.place('/home/node/node_modules/.package-lock.json'));
    expect(installed).toEqual(packagesOf('package-lock.json'));
    expect(readdirSync(recipe.place('/home/node')).toSorted()).toEqual(['dist', 'node_modules', 'package.json']);
  });

  it.each([
    { engine: 'SQLite', env: {} as Record<string, string> },
    { engine: 'PostgreSQL', env: { DATABASE_URL: process.env.DATABASE_URL! } },
  ])('serves on $engine as another user, with all but /data read-only', async ({ env }) => {
    const url = await start({ SECRET_KEY: TEST_SECRET, ...env });
    expect(await call(url, '/health')).toMatchObject({ status: 200, body: { status: 'ok' } });
    expect((await call(url, '/console')).text).toContain('<script');
    expect((await call(url, '/docs')).status).toBe(200);
    expect(await stop(image.stopSignal as NodeJS.Signals)).toBe(0);
  });

  it('is healthy while the service answers, and not afterwards', async () => {
    const url = await start({ SECRET_KEY: TEST_SECRET });
    const isHealthy = (): boolean => node({ PORT: new URL(url).port }, ...image.healthcheck.slice(1)).status === 0;
    expect(image.healthcheck[0]).toBe('node');
    expect(isHealthy()).toBe(true);
    await stop('SIGKILL');
    expect(isHealthy()).toBe(false);
  });

  it('has the command line', () => {
    const env = { SECRET_KEY: TEST_SECRET, PUBLIC_URL: 'https://login.example.com' };
    const { stdout, stderr } = node(env, 'dist/cli.cjs', '--create', 'organizations', 'create', 'Harbour School');
    expect({ stdout, stderr }).toEqual({ stdout: expect.stringMatching(/^[\w-]{22}\n/), stderr: expect.anything() });
  });

  it('finds the code that Node compiled while it was built, as the user who built it', () => {
    const [folder] = readdirSync(recipe.place('/home/node/dist/bundle/compiled'));
    expect(folder).toMatch(new RegExp(`^v${process.versions.node}-.*-${process.getuid!()}$`));
  });
});

/** The names and versions of the packages of production in a lock file, without those for other machines. */
function packagesOf(path: string): string[] {
  const { packages } = JSON.parse(readFileSync(path, 'utf8')) as {
    packages: Record<string, { version: string; dev?: true; optional?: true; link?: true }>;
  };
  return Object.entries(packages)
    .filter(([name, { dev, optional, link }]) => name.startsWith('node_modules/') && !dev && !optional && !link)
    .map(([name, { version }]) => `${name} ${version}`)
    .toSorted();
}

describe('deploy/containers', () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'latchkey-compose-'));
    chmodSync(folder, 0o755);
    const [, script] = /<!-- secrets -->\n```sh\n([^]*?)```/.exec(readFileSync(`${FOLDER}/README.md`, 'utf8'))!;
    execFileSync('sh', ['-euc', script!], { cwd: folder });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('has a line that makes the secrets, with which the service starts and PostgreSQL agrees', async () => {
    const file = join(folder, 'secrets/latchkey.env');
    const { DATABASE_URL } = Object.fromEntries(
      readFileSync(file, 'utf8')
        .split('\n')
        .map((line) => line.split(/=(.*)/).slice(0, 2)),
    );
    const { password, hostname } = new URL(DATABASE_URL);
    expect(password).toBe(readFileSync(join(folder, 'secrets/postgres-password'), 'utf8').trim());
    expect(hostname).toBe('postgres');
    // Only the owner enters the folder on the host; an engine gives the container the file.
    chmodSync(join(folder, 'secrets'), 0o755);
    const env = { DATABASE_URL: '', DATABASE_PATH: recipe.place('/data/another.db') };
    const url = await start(env, '--env-file', file);
    expect((await call(url, '/health')).status).toBe(200);
  });

  it('has a Caddyfile that leads to the service under its public name', async () => {
    const url = await start({ SECRET_KEY: TEST_SECRET, TRUSTED_PROXIES: '127.0.0.1' });
    const site = await freePort();
    const caddyfile = readFileSync(`${FOLDER}/Caddyfile`, 'utf8')
      .replace('{$PUBLIC_HOST}', `https://localhost:${site}`)
      .replace('latchkey:3000', new URL(url).host);
    const general = '{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n}\n';
    const caddy = await Proxy.caddy(general + caddyfile, `https://localhost:${site}/`);
    try {
      const { stdout } = spawnSync('curl', ['-sk', `https://localhost:${site}/health`], { encoding: 'utf8' });
      expect(stdout).toBe('{"status":"ok"}');
    } finally {
      await caddy.stop();
    }
  });
});
