import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import { call, testEnvironment, TestApp } from './support/app.js';
import { dropDatabase } from './support/database.js';
import { Instance } from './support/instance.js';
import type { TestCaller } from './support/world.js';

const DATABASE = process.env.DATABASE_PATH!;
/** Bytes. */
const FILLED = 30_000_000;

let directory: string;
let t: TestApp;
let service: Instance;
let host: TestCaller;
let user: string;

beforeAll(async () => {
  t = await TestApp.start();
  directory = mkdtempSync(join(dirname(DATABASE), 'backups-'));
  host = await t.world.caller();
  user = (await t.world.userOf(host)).id;
  await t.nest.close();
});
afterAll(async () => {
  await dropDatabase();
});
beforeEach(async () => {
  service = await Instance.start();
});
afterEach(async () => {
  await service.stop();
  for (const name of readdirSync(directory)) rmSync(join(directory, name));
});

interface Result {
  code: number | null;
  stderr: string;
}

/** Starts the built command line. */
function start(
  args: string[],
  environment: Record<string, string> = {},
): { child: ChildProcess; ended: Promise<Result> } {
  const child = spawn(process.execPath, ['dist/cli.cjs', ...args], {
    env: { PATH: process.env.PATH, ...testEnvironment(environment) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (text) => (stderr += String(text)));
  const ended = new Promise<Result>((resolve) => child.once('close', (code) => resolve({ code, stderr })));
  return { child, ended };
}

function run(args: string[], environment?: Record<string, string>): Promise<Result> {
  return start(args, environment).ended;
}

async function backUp(name = 'backup.db'): Promise<string> {
  const file = join(directory, name);
  expect(await run(['backup', file])).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('complete and intact'),
  });
  return file;
}

async function loginToken(token = host.token): Promise<string> {
  const { body } = await call(service.url, `/api/2.1.1/access/${user}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  return body.token;
}

function login(token: string) {
  return call(service.url, `/login?token=${token}`, { headers: { accept: 'application/json' } });
}

async function session(token: string): Promise<string> {
  return /^[^;]+/.exec((await login(token)).headers.get('set-cookie')!)![0];
}

async function statusOf(cookie: string): Promise<number> {
  return (await call(service.url, '/session', { headers: { cookie } })).status;
}

function logout(cookie: string) {
  return call(service.url, '/logout', { method: 'POST', headers: { cookie, 'sec-fetch-site': 'same-origin' } });
}

/** A new access token of the caller, as its tokens end with a restore. */
async function newAccessToken(): Promise<string> {
  const child = spawn(process.execPath, ['dist/cli.cjs', 'token', '--user', host.id], {
    env: { PATH: process.env.PATH, ...testEnvironment() },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let stdout = '';
  child.stdout.on('data', (text) => (stdout += String(text)));
  await new Promise((resolve) => child.once('close', resolve));
  return stdout.trim();
}

/** Makes the database so large, once, that copying it takes a second at least. */
function fill(): void {
  if (statSync(DATABASE).size > FILLED) return;
  const connection = new BetterSqlite3(DATABASE, { timeout: 5000 });
  connection
    .prepare(
      `INSERT INTO "audit_events" ("at", "event", "details")
       WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
       SELECT '2026-01-01 00:00:00.000', 'ACCOUNT_CHANGED', hex(zeroblob(40000)) FROM n`,
    )
    .run();
  connection.pragma('wal_checkpoint(PASSIVE)');
  connection.close();
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await setTimeout(5);
}

function sizeOf(file: string): number {
  return existsSync(file) ? statSync(file).size : 0;
}

/** What lies beside the database, apart from the backups. */
function beside(): string[] {
  return readdirSync(dirname(DATABASE)).filter(
    (name) => name.startsWith(basename(DATABASE)) && !/-(wal|shm)$/.test(name),
  );
}

function forgetKept(): void {
  for (const name of beside()) if (name !== basename(DATABASE)) rmSync(join(dirname(DATABASE), name));
}

describe('a backup', () => {
  it('under load is whole, for its owner only, of one moment, and leaves nothing beside it', async () => {
    fill();
    const done = new AbortController();
    const answers: number[] = [];
    const load = Promise.all(
      Array.from({ length: 8 }, async () => {
        while (!done.signal.aborted) answers.push((await login(await loginToken())).status);
      }),
    );
    const file = await backUp();
    done.abort();
    await load;
    expect(answers.length).toBeGreaterThan(0);
    expect(answers.filter((status) => status !== 303)).toEqual([]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory)).toEqual(['backup.db']);
    const copy = new BetterSqlite3(file, { readonly: true });
    expect(copy.pragma('integrity_check')).toEqual([{ integrity_check: 'ok' }]);
    expect(copy.pragma('journal_mode', { simple: true })).toBe('delete');
    const orphans = `SELECT COUNT(*) FROM "sessions" s WHERE NOT EXISTS (SELECT 1 FROM "login_tokens" t WHERE t."id" = s."id")`;
    expect(copy.prepare(orphans).pluck().get()).toBe(0);
    copy.close();
  });

  it('goes on while the service writes in every moment of it, and does not begin again', async () => {
    fill();
    const writer = new BetterSqlite3(DATABASE, { timeout: 5000 });
    const { ended } = start(['backup', join(directory, 'busy.db')]);
    const done = new AbortController();
    void ended.then(() => done.abort());
    for (let at = 1; !done.signal.aborted; at++) {
      writer.prepare(`INSERT INTO "failed_attempts" VALUES (?, 1, '2026-01-01 00:00:00.000')`).run(`attempt ${at}`);
      await setTimeout(1);
    }
    writer.close();
    expect(await ended).toMatchObject({ code: 0 });
  });

  it.each([
    { of: 'a file that exists', file: () => join(directory, 'taken.db'), reason: 'exists already' },
    { of: 'a directory that does not', file: () => join(directory, 'none', 'a.db'), reason: 'There is no directory' },
  ])('does not write $of', async ({ file, reason }) => {
    writeFileSync(join(directory, 'taken.db'), 'precious');
    expect(await run(['backup', file()])).toMatchObject({ code: 1, stderr: expect.stringContaining(reason) });
    expect(readFileSync(join(directory, 'taken.db'), 'utf8')).toBe('precious');
    expect(readdirSync(directory)).toEqual(['taken.db']);
  });

  it('that is killed has not the name of a backup, and the next one is made', async () => {
    fill();
    const file = join(directory, 'killed.db');
    const { child, ended } = start(['backup', file]);
    await until(() => sizeOf(`${file}.part`) > 1_000_000);
    child.kill('SIGKILL');
    await ended;
    expect(existsSync(file)).toBe(false);
    expect((await login(await loginToken())).status).toBe(303);
    await backUp('killed.db');
    expect(readdirSync(directory)).toEqual(['killed.db']);
  });

  it('that is interrupted leaves nothing behind', async () => {
    fill();
    const file = join(directory, 'interrupted.db');
    const { child, ended } = start(['backup', file]);
    await until(() => sizeOf(`${file}.part`) > 1_000_000);
    child.kill('SIGINT');
    expect((await ended).code).toBe(130);
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe('a restore', () => {
  afterEach(async () => {
    forgetKept();
    host = { ...host, token: await newAccessToken() };
  });

  it('lets nothing work again that was used, ended or open at the backup, and keeps the database of before', async () => {
    const unused = await loginToken();
    const used = await loginToken();
    const [live, ended] = [await session(await loginToken()), await session(await loginToken())];
    const file = await backUp();
    const after = await session(used);
    await logout(ended);
    expect([await statusOf(live), await statusOf(after), await statusOf(ended)]).toEqual([200, 200, 401]);
    const accessToken = host.token;
    await service.stop();

    const { code, stderr } = await run(['restore', file, '--replace']);
    expect([code, stderr]).toEqual([0, expect.stringContaining('Everything is revoked.')]);
    expect(beside()).toEqual([basename(DATABASE), expect.stringMatching(/\.before-restore-[\d-]+T[\d-]+$/)]);
    expect(statSync(DATABASE).mode & 0o777).toBe(0o600);

    service = await Instance.start();
    expect((await login(used)).status).toBe(401);
    expect((await login(unused)).status).toBe(401);
    for (const cookie of [live, ended, after]) expect(await statusOf(cookie)).toBe(401);
    const { status } = await call(service.url, '/api/2.1.1/user', {
      headers: { authorization: `Bearer ${accessToken}` },
    });
    expect(status).toBe(401);
    expect(await statusOf(await session(await loginToken(await newAccessToken())))).toBe(200);
    const kept = new BetterSqlite3(join(dirname(DATABASE), beside()[1]!), { readonly: true });
    expect(kept.prepare(`SELECT COUNT(*) FROM "sessions" WHERE "end_reason" = 'LOGOUT'`).pluck().get()).toBeGreaterThan(
      0,
    );
    kept.close();
  });

  it('where there is no database makes one', async () => {
    const file = await backUp();
    const path = join(directory, 'new', 'latchkey.db');
    expect(await run(['restore', file], { DATABASE_PATH: path })).toMatchObject({ code: 0 });
    const other = await Instance.start({ DATABASE_PATH: path });
    expect((await call(other.url, '/health')).status).toBe(200);
    await other.stop();
    rmSync(dirname(path), { recursive: true });
  });

  it('waits for no service that runs, and changes nothing', async () => {
    const file = await backUp();
    const cookie = await session(await loginToken());
    const refused = await run(['restore', file, '--replace']);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('Stop the service') });
    expect(await statusOf(cookie)).toBe(200);
    expect((await login(await loginToken())).status).toBe(303);
    expect(beside()).toEqual([basename(DATABASE)]);
  });

  it.each([
    { of: 'over a database without --replace', damage: () => {}, options: [], reason: '--replace' },
    {
      of: 'of a truncated file',
      damage: (file: string) => truncateSync(file, Math.floor(statSync(file).size / 2 / 4096) * 4096),
      reason: 'is damaged',
    },
    {
      of: 'of a file with other bytes in the middle',
      damage: (file: string) => {
        const bytes = readFileSync(file);
        bytes.fill(7, 4096 * 3, 4096 * 9);
        writeFileSync(file, bytes);
      },
      reason: 'is damaged',
    },
    { of: 'of a text', damage: (file: string) => writeFileSync(file, 'not a database'), reason: 'is damaged' },
    {
      of: 'of a database of something else',
      damage: (file: string) => {
        rmSync(file);
        new BetterSqlite3(file).exec('CREATE TABLE "migrations" ("name" text)').close();
      },
      reason: 'not a database of Latchkey',
    },
    {
      of: 'of a newer version',
      damage: (file: string) =>
        new BetterSqlite3(file)
          .exec(`INSERT INTO "migrations" ("timestamp", "name") VALUES (9999999999999, 'AddSomething9999999999999')`)
          .close(),
      reason: 'newer version of Latchkey (AddSomething9999999999999)',
    },
    {
      of: 'with another SECRET_KEY',
      damage: () => {},
      environment: { SECRET_KEY: 'a0a1a2a3a4a5a6a7a8a9b0b1b2b3b4b5' },
      reason: 'another SECRET_KEY',
    },
    { of: 'of no file', damage: (file: string) => rmSync(file), reason: 'There is no' },
  ])('$of changes nothing and says why', async ({ damage, options = ['--replace'], environment, reason }) => {
    const cookie = await session(await loginToken());
    const file = await backUp();
    damage(file);
    await service.stop();
    const refused = await run(['restore', file, ...options], environment);
    expect(refused).toEqual({ code: 1, stderr: expect.stringContaining(reason) });
    expect(beside()).toEqual([basename(DATABASE)]);
    service = await Instance.start();
    expect(await statusOf(cookie)).toBe(200);
  });

  it('that is killed leaves the old database in its place, and the next one works', async () => {
    fill();
    const cookie = await session(await loginToken());
    const file = await backUp();
    await service.stop();
    const { child, ended } = start(['restore', file, '--replace']);
    await until(() => sizeOf(`${DATABASE}.restoring`) > 1_000_000);
    child.kill('SIGKILL');
    await ended;
    service = await Instance.start();
    expect(await statusOf(cookie)).toBe(200);
    await service.stop();
    expect(await run(['restore', file, '--replace'])).toMatchObject({ code: 0 });
    service = await Instance.start();
    expect(await statusOf(cookie)).toBe(401);
    expect(beside().filter((name) => name.includes('restoring'))).toEqual([]);
  });

  it('takes the place of a damaged database, which is kept, and nothing of it gets into the new one', async () => {
    const file = await backUp();
    await service.stop();
    writeFileSync(DATABASE, Buffer.alloc(8192, 'x'));
    writeFileSync(`${DATABASE}-wal`, Buffer.alloc(4096, 'y'));
    expect(await run(['restore', file, '--replace'])).toMatchObject({ code: 0 });
    service = await Instance.start();
    expect((await login(await loginToken(await newAccessToken()))).status).toBe(303);
    const kept = readdirSync(dirname(DATABASE)).filter((name) => name.includes('before-restore'));
    expect(readFileSync(join(dirname(DATABASE), kept[0]!), 'utf8')).toContain('xxxx');
    for (const name of kept) rmSync(join(dirname(DATABASE), name));
  });
});
