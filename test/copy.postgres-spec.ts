import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import { Client } from 'pg';
import { call, testEnvironment } from './support/app.js';
import { Instance } from './support/instance.js';

/** What columns may hold that have a short list of values. */
const LISTED: Record<string, string> = {
  'users.type': 'USER',
  'users.status': 'ACTIVE',
  'account_permissions.permission': 'MANAGE_USERS',
  'memberships.status': 'JOINED',
  'group_staff.permission': 'MANAGE',
  'clients.compatibility': 'drillster',
  'clients.token_endpoint_auth_method': 'client_secret_post',
  'clients.id_token_signed_response_alg': 'RS256',
  'service_account_keys.algorithm': 'ES256',
  'origins.proof': 'FILE',
  'login_tokens.delivery': 'link',
  'login_tokens.existing_session': 'ask',
  'application_sessions.state': 'LIVE',
  'webhook_endpoints.status': 'DISABLED',
  'webhook_endpoints.disabled_reason': 'GONE',
  'webhook_keys.type': 'HMAC',
};

let directory: string;
let path: string;
let target: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'latchkey-copy-'));
  path = join(directory, 'latchkey.db');
  const { code, stderr } = await run('organizations', 'create', 'School', '--create');
  if (code !== 0) throw new Error(stderr);
  fillEveryTable();
});
afterAll(() => rmSync(directory, { recursive: true }));
beforeEach(async () => {
  target = `latchkey_copy_${randomBytes(6).toString('hex')}`;
  await onServer(`CREATE DATABASE "${target}"`);
});
afterEach(() => onServer(`DROP DATABASE IF EXISTS "${target}" WITH (FORCE)`));

interface Result {
  code: number | null;
  stderr: string;
}

/** Starts the built command line with the SQLite file. */
function start(...args: string[]): { child: ChildProcess; ended: Promise<Result> } {
  const env = { PATH: process.env.PATH, ...testEnvironment({ DATABASE_URL: '', DATABASE_PATH: path }) };
  const child = spawn(process.execPath, ['dist/cli.cjs', ...args], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (text) => (stderr += String(text)));
  const ended = new Promise<Result>((resolve) => child.once('close', (code) => resolve({ code, stderr })));
  return { child, ended };
}

function run(...args: string[]): Promise<Result> {
  return start(...args).ended;
}

function urlOfTarget(): string {
  const url = new URL(process.env.TEST_POSTGRES!);
  url.pathname = `/${target}`;
  return url.href;
}

async function query<Row extends object>(connectionString: string, text: string): Promise<Row[]> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

function onServer(statement: string): Promise<object[]> {
  return query(process.env.TEST_POSTGRES!, statement);
}

function onTarget<Row extends object>(text: string): Promise<Row[]> {
  return query<Row>(urlOfTarget(), text);
}

function tablesOf(db: BetterSqlite3.Database): string[] {
  const names = db.prepare(`SELECT "name" FROM sqlite_schema WHERE "type" = 'table'`).pluck().all() as string[];
  return names.filter(
    (name) => !name.startsWith('sqlite_') && !['migrations', 'write_checks', 'server_histories'].includes(name),
  );
}

/** Gives every table two rows at least, whatever columns it has. */
function fillEveryTable(): void {
  const db = new BetterSqlite3(path);
  const left = new Set(tablesOf(db));
  const referencesOf = (table: string) =>
    db.pragma(`foreign_key_list("${table}")`) as { table: string; from: string; to: string }[];
  while (left.size > 0) {
    const table = [...left].find((name) =>
      referencesOf(name).every((key) => key.table === name || !left.has(key.table)),
    );
    left.delete(table!);
    const columns = db.pragma(`table_info("${table!}")`) as { name: string; type: string; notnull: number }[];
    for (let row = 0; row < 2; row++) {
      const values = columns.map((column) => {
        const key = referencesOf(table!).find(({ from }) => from === column.name);
        if (!key) return valueOf(table!, column, row);
        return db.prepare(`SELECT "${key.to}" FROM "${key.table}" ORDER BY rowid LIMIT 1 OFFSET ${row}`).pluck().get();
      });
      const list = columns.map(({ name }) => `"${name}"`).join(', ');
      // Triggers have made some rows already, such as the numbers of organizations.
      db.prepare(`INSERT OR IGNORE INTO "${table!}" (${list}) VALUES (${columns.map(() => '?').join(', ')})`).run(
        values,
      );
    }
  }
  const empty = tablesOf(db).filter((table) => db.prepare(`SELECT 1 FROM "${table}"`).get() === undefined);
  if (empty.length > 0) throw new Error(`Nothing fills ${empty.join(', ')}.`);
  // Triggers count memberships while they are inserted. A copy takes the numbers as they are.
  db.prepare(`UPDATE "groups" SET "member_count" = 41 + rowid`).run();
  db.close();
}

function valueOf(table: string, { name, type, notnull }: { name: string; type: string; notnull: number }, row: number) {
  // Nothing is due, so that the service calls no application.
  if (table === 'application_sessions' && ['session_id', 'next_at'].includes(name)) return null;
  const needed = notnull || name === 'sign_in_uid' || name === 'disabled_reason';
  if (!needed && row === 1) return null;
  const listed = LISTED[`${table}.${name}`];
  if (listed) return listed;
  if (type === 'BLOB' || type === 'blob') return randomBytes(16);
  if (type === 'boolean') return row;
  if (type === 'datetime') return `2026-01-0${row + 1} 10:00:00.12${row}`;
  if (/INT/i.test(type)) return type === 'bigint' ? 1_767_225_600_000 + row : 1000 + row;
  const length = Number(/\d+/.exec(type)?.[0] ?? 100);
  const text = `${row} ${table} "Ünïcödé" \\ 😀 \n\t'x' ${name}`;
  return [...text].slice(0, length).join('');
}

it('copies every table with all that is in it, and nothing is recorded or counted a second time', async () => {
  const { code, stderr } = await run('copy', '--to', urlOfTarget());
  expect([code, stderr]).toEqual([0, expect.stringMatching(/Copied and compared: \d+ rows of \d+ tables\./)]);
  const db = new BetterSqlite3(path, { readonly: true });
  for (const table of tablesOf(db)) {
    const expected = db.prepare(`SELECT * FROM "${table}"`).all() as Record<string, unknown>[];
    const found = await onTarget<Record<string, unknown>>(`SELECT * FROM "${table}"`);
    const sorted = (rows: Record<string, unknown>[]) => rows.map((row) => JSON.stringify(plain(row))).toSorted();
    expect({ table, rows: sorted(found) }).toEqual({ table, rows: sorted(expected) });
  }
  db.close();
  const disabled = await onTarget(
    `SELECT tgname FROM pg_trigger WHERE tgenabled = 'D' AND tgrelid::regclass::text NOT LIKE 'pg\\_%'`,
  );
  expect(disabled).toEqual([]);
});

/** A value in a form that both drivers' values have in common. */
function textOf(value: unknown): string | null {
  if (value === null) return null;
  if (value instanceof Date) return value.toISOString().replace('T', ' ').slice(0, -1);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (typeof value === 'boolean') return String(Number(value));
  const string = String(value);
  // The ID of a login is a UUID in PostgreSQL, and bytes in SQLite.
  return /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/.test(string) ? string.replaceAll('-', '') : string;
}

/** A row in a form that both drivers' values have in common. */
function plain(row: Record<string, unknown>): [string, string | null][] {
  return Object.entries(row)
    .map(([name, value]): [string, string | null] => [name, textOf(value)])
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}

it('the service goes on with the copy: its keys open, and new rows get new numbers', async () => {
  expect(await run('copy', '--to', urlOfTarget())).toMatchObject({ code: 0 });
  const before = await onTarget<{ last: string }>(`SELECT MAX("id") AS "last" FROM "audit_events"`);
  const service = await Instance.start({ DATABASE_URL: urlOfTarget() });
  expect((await call(service.url, '/oauth/keys')).body.keys.length).toBeGreaterThan(0);
  await service.stop();
  await onTarget(`INSERT INTO "audit_events" ("at", "event") VALUES (now(), 'ACCOUNT_CHANGED')`);
  const after = await onTarget<{ last: string }>(`SELECT MAX("id") AS "last" FROM "audit_events"`);
  expect(Number(after[0]!.last)).toBeGreaterThan(Number(before[0]!.last));
});

it('copies a database in which nobody has been let in yet, and the first number there is 1', async () => {
  const filled = path;
  path = join(directory, 'new.db');
  try {
    expect(await run('organizations', 'create', 'School', '--create')).toMatchObject({ code: 0 });
    const db = new BetterSqlite3(path);
    // A refused call inserts no row, but SQLite remembers its number.
    db.exec('INSERT INTO "delegations" SELECT * FROM "delegations"');
    expect(db.prepare(`SELECT "seq" FROM sqlite_sequence WHERE "name" = 'delegations'`).pluck().get()).toBe(0);
    db.close();
    expect(await run('copy', '--to', urlOfTarget())).toMatchObject({ code: 0 });
    expect(await onTarget(`SELECT nextval(pg_get_serial_sequence('delegations', 'id')) AS "next"`)).toEqual([
      { next: '1' },
    ]);
  } finally {
    path = filled;
  }
});

it('refuses a target that is not empty, and leaves it alone', async () => {
  await onTarget('CREATE TABLE "notes" ("text" text)');
  expect(await run('copy', '--to', urlOfTarget())).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('The target is not empty: it has the table notes.'),
  });
  const tables = `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'`;
  expect(await onTarget(tables)).toEqual([{ table_name: 'notes' }]);
  await onTarget('DROP TABLE "notes"');
  expect(await run('copy', '--to', urlOfTarget())).toMatchObject({ code: 0 });
  expect(await run('copy', '--to', urlOfTarget())).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/The target is not empty: it has the table \w+ with rows/),
  });
});

it('that is killed leaves no row in the target, and can be started again', async () => {
  const { child, ended } = start('copy', '--to', urlOfTarget());
  const working = `SELECT 1 FROM pg_stat_activity WHERE datname = '${target}' AND query LIKE 'INSERT INTO%json_populate_recordset%'`;
  while ((await onServer(working)).length === 0) await setTimeout(1);
  child.kill('SIGKILL');
  await ended;
  while ((await onServer(`SELECT 1 FROM pg_stat_activity WHERE datname = '${target}'`)).length > 0)
    await setTimeout(20);
  expect(await onTarget(`SELECT 1 FROM "users"`)).toEqual([]);
  expect(await run('copy', '--to', urlOfTarget())).toMatchObject({ code: 0 });
});

it.each([
  { why: 'the target is no URL of PostgreSQL', args: ['copy', '--to', 'mysql://db/latchkey'], says: 'must be a URL' },
  { why: 'no target is named', args: ['copy'], says: '--to' },
])('says what is wrong if $why', async ({ args, says }) => {
  expect(await run(...args)).toMatchObject({ code: 1, stderr: expect.stringContaining(says) });
});

it('waits for no service that has the SQLite file open, and copies nothing', async () => {
  const service = await Instance.start({ DATABASE_URL: '', DATABASE_PATH: path });
  const refused = await run('copy', '--to', urlOfTarget());
  await service.stop();
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('Stop the service') });
  expect(await onTarget(`SELECT 1 FROM information_schema.tables WHERE table_schema = 'public'`)).toEqual([]);
});
