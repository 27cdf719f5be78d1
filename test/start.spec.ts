import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { call, testEnvironment } from './support/app.js';
import { createDatabase, dropDatabase } from './support/database.js';
import { Instance } from './support/instance.js';

interface Result {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a built program to its end, in a working directory that may be another one. */
function run(
  program: 'main' | 'cli',
  env: Record<string, string>,
  directory: string,
  ...args: string[]
): Promise<Result> {
  return runProgram([resolve(`dist/${program}.cjs`), ...args], env, directory);
}

function runProgram(args: string[], env: Record<string, string>, cwd: string): Promise<Result> {
  return new Promise((settle) => {
    execFile(process.execPath, args, { cwd, env: { PATH: process.env.PATH, ...env } }, (error, stdout, stderr) =>
      settle({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}

let instance: Instance | undefined;

beforeEach(createDatabase);
afterEach(async () => {
  await instance?.stop('SIGKILL');
  instance = undefined;
  await dropDatabase();
});

describe('the start in development', () => {
  it('makes a demo on an empty database and prints a curl whose URL lands logged in', async () => {
    instance = await Instance.start({ NODE_ENV: 'development' });
    const [token, path] = await printed(instance);
    const access = await call(instance.url, path, { headers: { authorization: `Bearer ${token}` } });
    expect(access.status).toBe(200);
    const { search } = new URL(access.body.url);
    const login = await call(instance.url, `/login${search}`);
    const cookie = login.headers.getSetCookie()[0]!.split(';')[0]!;
    expect((await call(instance.url, '/session', { headers: { cookie } })).body.user.name).toBe('Anna Jansen');
  });

  it('prints a working curl again after it was killed, and keeps the demo as it is', async () => {
    instance = await Instance.start({ NODE_ENV: 'development' });
    const [token] = await printed(instance);
    const before = await call(instance.url, '/api/2.1.1/user', { headers: { authorization: `Bearer ${token}` } });
    await instance.stop('SIGKILL');
    instance = await Instance.start({ NODE_ENV: 'development' });
    const [renewed] = await printed(instance);
    for (const each of [token, renewed]) {
      const { body } = await call(instance.url, '/api/2.1.1/user', { headers: { authorization: `Bearer ${each}` } });
      expect(body).toEqual(before.body);
    }
  });
});

describe('the demo organization', () => {
  it.each(['0.0.0.0', '::'])('is not made where others can reach it, and the start says why: HOST=%s', async (HOST) => {
    instance = await Instance.start({ NODE_ENV: 'development', HOST });
    await waitForOutput(instance, 'There is no demo organization');
    const url = instance.url.replace(/\/\/[^/]*:/, '//127.0.0.1:');
    expect((await call(url, '/api/2.1.1/version')).status).toBe(200);
    expect(instance.output.join('\n')).not.toContain('curl');
    const { code, stderr } = await run('cli', testEnvironment(), '.', 'token', '--user', 'admin@demo.example');
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('There is no such user') });
  });

  it('is reached by nobody else later: no start in production, and none on another address', async () => {
    instance = await Instance.start({ NODE_ENV: 'development', HOST: '127.0.0.1' });
    await printed(instance);
    await instance.stop('SIGTERM');
    const elsewhere: Record<string, string>[] = [
      { NODE_ENV: 'development', HOST: '0.0.0.0' },
      { NODE_ENV: 'production', PUBLIC_URL: 'https://login.school.nl' },
    ];
    for (const env of elsewhere) {
      const { code, stderr } = await run('main', testEnvironment(env), '.');
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('whose password is public') });
    }
  });
});

describe('the start in production', () => {
  const PRODUCTION = { NODE_ENV: 'production', PUBLIC_URL: 'https://login.school.nl' };

  it('seeds nothing, and writes JSON', async () => {
    instance = await Instance.start(PRODUCTION);
    expect(instance.output.join('\n')).not.toContain('curl');
    await waitForOutput(instance, 'organizations create --help');
    for (const line of instance.output) expect(JSON.parse(line)).toMatchObject({ level: 'log' });
    const { stderr, code } = await run(
      'cli',
      testEnvironment(PRODUCTION),
      '.',
      'token',
      '--user',
      'admin@demo.example',
    );
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^latchkey: There is no such user on the staff of an organization\.\n$/m),
    });
  });

  it('stops with everything that is missing when secrets and https are', async () => {
    const { DATABASE_PATH, DATABASE_URL } = testEnvironment();
    const { code, stderr } = await run(
      'main',
      {
        NODE_ENV: 'production',
        PUBLIC_URL: 'http://login.school.nl',
        ...(DATABASE_URL ? { DATABASE_URL } : { DATABASE_PATH: DATABASE_PATH! }),
      },
      '.',
    );
    expect(code).toBe(1);
    expect(stderr).toContain('PUBLIC_URL must start with https://');
    expect(stderr).toContain('SECRET_KEY must be set');
  });

  it('stops with one line when the database can’t be used', async () => {
    const { DATABASE_URL } = testEnvironment();
    const wrong: [variable: string, value: string][] = DATABASE_URL
      ? [['DATABASE_URL', DATABASE_URL.replace(/\/[^/]*$/, '/there_is_none')]]
      : [
          ['DATABASE_PATH', '/dev/null/latchkey.db'],
          ['DATABASE_PATH', 'package.json'],
        ];
    for (const [variable, value] of wrong) {
      const { code, stderr } = await run('main', testEnvironment({ ...PRODUCTION, [variable]: value }), '.');
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: expect.stringMatching(new RegExp(`^Latchkey did not start\\. ${variable}.* can't be used: .+\n$`)),
      });
    }
  });

  it('stops when SECRET_KEY is not the one of the database', async () => {
    instance = await Instance.start(PRODUCTION);
    const { code, stderr } = await run(
      'main',
      testEnvironment({ ...PRODUCTION, SECRET_KEY: 'aP9sV3mZ7qLr1TxKd5WbNf8GhJc2YeU6' }),
      '.',
    );
    expect(code).toBe(1);
    expect(stderr).toContain('encrypted with another SECRET_KEY');
  });
});

describe('a database that is not there', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'latchkey-start-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  /** Without the variables of the service, in a directory of its own. */
  function latchkey(...args: string[]): Promise<Result> {
    return run('cli', {}, directory, ...args);
  }

  it('is made by no command, only with --create', async () => {
    const refused = await latchkey('organizations', 'create', 'School');
    expect(refused).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /^Database: (SQLite, .*latchkey\.db)\nlatchkey: There is no Latchkey database \(\1\)\. .*--create\.\n$/,
      ),
    });
    expect(readdirSync(directory)).toEqual([]);
    const created = await latchkey('organizations', 'create', 'School', '--create');
    expect(created).toMatchObject({ code: 0, stdout: expect.stringMatching(/^[\w-]{22}\n$/) });
    const files = readdirSync(join(directory, 'data')).map((name) => statSync(join(directory, 'data', name)));
    expect(files.map(({ mode }) => mode & 0o077)).toEqual(files.map(() => 0));
    expect((await latchkey('organizations', 'list')).stdout).toContain('\tSchool\n');
  }, 120_000);

  it('is the one that --env-file names, for the command line and the service', async () => {
    const environment = testEnvironment();
    const file = join(directory, 'latchkey.env');
    writeFileSync(
      file,
      Object.entries(environment)
        .map(([name, value]) => `${name}='${value}'\n`)
        .join(''),
    );
    const refused = await latchkey('--env-file', file, 'organizations', 'list');
    const { DATABASE_URL } = environment;
    const name = DATABASE_URL ? `PostgreSQL, ${new URL(DATABASE_URL).host}` : `SQLite, ${environment.DATABASE_PATH}`;
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining(`Database: ${name}`) });
    expect(refused.stderr).toContain('There is no Latchkey database');
    // Neither its user nor its password.
    expect(refused.stderr).not.toMatch(/:\/\/|@/);
    expect((await latchkey('organizations', 'create', 'School', '--create', '--env-file', file)).code).toBe(0);
    expect((await latchkey('--env-file', file, 'organizations', 'list')).stdout).toContain('\tSchool\n');
    expect(readdirSync(directory)).toEqual(['latchkey.env']);
    for (const program of ['main', 'cli'] as const) {
      const args = program === 'main' ? [] : ['organizations', 'list'];
      // Node itself looks for this option among the arguments of a program, and may say it first.
      const missing = await run(program, {}, directory, ...args, '--env-file', join(directory, 'nowhere'));
      expect(missing).toMatchObject({ stdout: '', stderr: expect.stringMatching(/nowhere(: not found|\.)\n$/) });
      expect(missing.code).toBeGreaterThan(0);
    }
    writeFileSync(file, 'PUBLIC_URL=nowhere\n');
    expect((await run('main', {}, directory, '--env-file', file)).stderr).toContain('PUBLIC_URL must be an origin');
    const help = await run('main', {}, directory, '--help');
    expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('--env-file') });
    expect(await run('main', {}, directory, '--port', '1')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("'--port'"),
    });
    expect(readdirSync(directory)).toEqual(['latchkey.env']);
  }, 120_000);
});

describe('the built service', () => {
  it('starts from its bundle: of all packages, only those with binaries are read', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'latchkey-start-'));
    try {
      const hook = join(directory, 'hook.cjs');
      writeFileSync(hook, `process.once('exit', () => console.log('Loaded ' + Object.keys(require.cache).join()));`);
      const loading = await Instance.start({ NODE_OPTIONS: `--require=${hook}` });
      await loading.stop();
      const line = loading.output.find((text) => text.startsWith('Loaded '))!;
      const files = line.slice('Loaded '.length).split(',');
      const packages = new Set(files.map((file) => /node_modules\/(@[^/]+\/[^/]+|[^/]+)/.exec(file)?.[1]));
      const binary = /^(@node-rs\/argon2.*|better-sqlite3)$/;
      expect([...packages].filter((name) => name !== undefined && !binary.test(name))).toEqual([]);
      // Dictionaries of passwords and the reading of CSV files are in chunks of their own.
      const bundled = files.filter((file) => file.includes('/dist/bundle/'));
      expect(bundled.length).toBeGreaterThan(1);
      expect(bundled.length).toBeLessThan(readdirSync('dist/bundle').filter((name) => name.endsWith('.cjs')).length);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('maps its bundle to the sources, for stack traces', () => {
    const text = 'Latchkey did not start.';
    const [line, column] = positionOf(text, readFileSync('dist/bundle/main.cjs', 'utf8'));
    const map = new SourceMap(JSON.parse(readFileSync('dist/bundle/main.cjs.map', 'utf8')));
    expect(map.findEntry(line, column)).toMatchObject({
      originalSource: '../../src/main.ts',
      originalLine: positionOf(text, readFileSync('src/main.ts', 'utf8'))[0],
    });
  });
});

/** The line and the column of a text in a file, counted from 0. */
function positionOf(text: string, file: string): [number, number] {
  const before = file.slice(0, file.indexOf(text)).split('\n');
  return [before.length - 1, before.at(-1)!.length];
}

describe('an installation without the compiler', () => {
  it('says how it is built, and starts when it is', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'latchkey-start-'));
    try {
      for (const name of ['scripts', 'src', 'package.json', 'tsconfig.json', 'tsconfig.build.json', 'ormconfig.ts'])
        cpSync(name, join(directory, name), { recursive: true, filter: (path) => !path.includes('node_modules') });
      const start = (): Promise<Result> => runProgram(['scripts/build-if-needed.mjs'], {}, directory);
      expect(await start()).toEqual({
        code: 1,
        stdout: '',
        stderr:
          'Latchkey is not built, and the compiler is left out of this installation: run npm ci --include=dev && npm run build && npm prune --omit=dev\n',
      });
      cpSync('dist', join(directory, 'dist'), { recursive: true });
      expect(await start()).toEqual({ code: 0, stdout: '', stderr: '' });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe('a Node that is not supported', () => {
  it.each(['20.20.2', '22.12.0', '23.11.0', '24.10.0'])(
    'is refused by both programs in one sentence: %s',
    async (version) => {
      const pretend = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`;
      for (const program of ['main', 'cli'] as const) {
        expect(
          await run(program, { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(pretend)}` }, '.'),
        ).toEqual({
          code: 1,
          stdout: '',
          stderr: expect.stringMatching(
            new RegExp(`^Latchkey needs Node 22\\.13 or newer, or 24\\.11 or newer, and this is ${version}\\. .*\n$`),
          ),
        });
      }
    },
  );
});

describe('several instances', () => {
  it('may start at once on an empty database, and take each other’s tokens', async () => {
    const instances = await Promise.all([1, 2, 3].map(() => Instance.start()));
    try {
      const statuses = await Promise.all(instances.map(async ({ url }) => (await call(url, '/health')).status));
      expect(statuses).toEqual([200, 200, 200]);
      instance = await Instance.start({ NODE_ENV: 'development' });
      const [token] = await printed(instance);
      const answers = await Promise.all(
        instances.map(({ url }) => call(url, '/api/2.1.1/user', { headers: { authorization: `Bearer ${token}` } })),
      );
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    } finally {
      await Promise.all(instances.map((one) => one.stop('SIGKILL')));
    }
  });
});

describe('the end', () => {
  it('on SIGTERM exits cleanly', async () => {
    instance = await Instance.start();
    const { url } = instance;
    await call(url, '/health/live');
    expect(await instance.stop('SIGTERM')).toBe(0);
    await expect(call(url, '/health')).rejects.toThrow('fetch failed');
  });
});

describe('the command line', () => {
  it('explains itself', async () => {
    const { code, stdout } = await run('cli', {}, '.', '--help');
    expect(code).toBe(0);
    expect(stdout).toContain('token [options]');
  });

  it.each([
    { args: ['token'], says: "required option '-u, --user <reference>' not specified" },
    { args: ['token', '--user', 'x', '--ttl', '0'], says: 'The TTL must be 1 to' },
    { args: ['nonsense'], says: "unknown command 'nonsense'" },
  ])('refuses $args and says why', async ({ args, says }) => {
    const { code, stderr } = await run('cli', testEnvironment(), '.', ...args);
    expect(code).toBe(1);
    expect(stderr).toContain(says);
  });
});

/** The token and the path of the curl that a start in development prints. */
async function printed({ output }: Instance): Promise<[token: string, path: string]> {
  for (;;) {
    const match = /^curl -H 'Authorization: Bearer (\S+)' http:\/\/[^/]+(\S+)$/m.exec(output.join('\n'));
    if (match) return [match[1]!, match[2]!];
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function waitForOutput({ output }: Instance, text: string): Promise<void> {
  while (!output.join('\n').includes(text)) await new Promise((resolve) => setTimeout(resolve, 20));
}
