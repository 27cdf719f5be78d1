import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { newLoginId, toBytes } from '../src/common/login-id.js';
import { examine } from '../src/doctor/doctor.js';
import { judgeDisk } from '../src/doctor/file-checks.js';
import type { Finding } from '../src/doctor/finding.js';
import { OAuthRecord } from '../src/schema/entities/oauth-record.entity.js';
import { SigningKey } from '../src/schema/entities/signing-key.entity.js';
import { SigningKeysService } from '../src/tokens/signing-keys.service.js';
import { testEnvironment, TestApp } from './support/app.js';
import { runCli } from './support/built-cli.js';

const IS_POSTGRES = Boolean(process.env.DATABASE_URL);
const DAY_MS = 24 * 60 * 60 * 1000;
const MIB = 1024 * 1024;

let t: TestApp;
let healthy: Record<string, string>;

beforeAll(async () => {
  t = await TestApp.start();
  healthy = { PUBLIC_URL: t.url };
});
afterAll(() => t.stop());

function findings(overrides: Record<string, string> = {}, envFile?: string): Promise<Finding[]> {
  return examine(testEnvironment({ ...healthy, ...overrides }), envFile);
}

/** What is wrong, as its level and check with the start of its text. */
async function faults(overrides: Record<string, string> = {}, envFile?: string): Promise<string[]> {
  const found = await findings(overrides, envFile);
  return found.filter(({ level }) => level !== 'ok').map(({ level, check, text }) => `${level} ${check}: ${text}`);
}

it('finds nothing wrong with a healthy installation, and says what it has looked at', async () => {
  const found = await findings();
  expect(found.filter(({ level }) => level !== 'ok')).toEqual([]);
  const checks = ['settings', 'schema', 'keys', 'clock', 'retention', 'files', 'proxies'];
  const own = IS_POSTGRES ? ['connections', 'failover'] : ['disk'];
  expect(new Set(found.map(({ check }) => check))).toEqual(new Set([...checks, ...own]));
});

it('prints a line for each finding, or JSON, and ends with 1 on an error only', async () => {
  const { code, stdout } = await runCli('doctor');
  // The public URL of the tests leads nowhere, which is a warning outside of production.
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^ok {5} {2}settings: .+\n/)]);
  expect(stdout).toMatch(/^warning {2}proxies: .+ Check that the service runs/m);
  const json = await runCli('doctor', '--json');
  expect(JSON.parse(json.stdout)).toContainEqual({
    check: 'settings',
    level: 'ok',
    text: expect.stringContaining('All settings are right'),
  });
  await t.world.write((db) =>
    db.query(`INSERT INTO "migrations" ("timestamp", "name") VALUES (9999999999999, 'Later')`),
  );
  expect((await runCli('doctor')).code).toBe(1);
  await t.world.write((db) => db.query(`DELETE FROM "migrations" WHERE "name" = 'Later'`));
});

it('finds every wrong setting', async () => {
  expect(await faults({ LOGIN_TOKEN_TTL: '1', SESSION_LIFETIME: 'long' })).toEqual([
    expect.stringMatching(/^error settings: .*LOGIN_TOKEN_TTL/),
    expect.stringMatching(/^error settings: .*SESSION_LIFETIME/),
  ]);
});

it('finds a database that can’t be opened', async () => {
  const elsewhere: Record<string, string> = IS_POSTGRES
    ? { DATABASE_URL: 'postgres://latchkey@127.0.0.1:1/latchkey' }
    : { DATABASE_PATH: join(dirname(process.env.DATABASE_PATH!), 'not-here.db') };
  expect(await faults(elsewhere)).toEqual([expect.stringMatching(/^error database: The database can't be opened/)]);
});

it('finds a schema of a newer version, and migrations that are pending', async () => {
  const [last] = await t.world.write((db) =>
    db.query<{ id: number; timestamp: number; name: string }[]>(
      `SELECT "id", "timestamp", "name" FROM "migrations" ORDER BY "id" DESC LIMIT 1`,
    ),
  );
  const rename = (from: string, to: string) =>
    t.world.write((db) => db.query(`UPDATE "migrations" SET "name" = '${to}' WHERE "name" = '${from}'`));
  await rename(last!.name, 'FromTheFuture');
  expect(await faults()).toEqual(['error schema: The database is of a newer version: it has FromTheFuture.']);
  await t.world.write((db) => db.query(`DELETE FROM "migrations" WHERE "name" = 'FromTheFuture'`));
  expect(await faults()).toEqual(['warning schema: 1 migrations are pending.']);
  await t.world.write((db) =>
    db.query(`INSERT INTO "migrations" ("timestamp", "name") VALUES (${last!.timestamp}, '${last!.name}')`),
  );
  expect(await faults()).toEqual([]);
});

it('finds another SECRET_KEY, and signing keys that nobody rotates', async () => {
  expect(await faults({ SECRET_KEY: 'a0a1a2a3a4a5a6a7a8a9b0b1b2b3b4b5' })).toEqual([
    'error keys: SECRET_KEY does not open the signing keys in the database.',
  ]);
  const createdAt = new Date(Date.now() - 100 * DAY_MS);
  await t.world.write((db) => db.update(SigningKey, { purpose: 'LOGIN' }, { createdAt }));
  expect(await faults()).toEqual(['warning keys: A signing key is 100 days old, and KEY_ROTATION_DAYS is 90.']);
  expect(await faults({ KEY_ROTATION_DAYS: '0' })).toEqual([]);
  await t.world.write((db) => db.delete(SigningKey, { purpose: 'LOGIN' }));
  expect(await faults()).toEqual(['warning keys: There is no signing key for LOGIN.']);
  await t.nest.get(SigningKeysService, { strict: false }).makeMissing();
});

it('finds a clock that is behind the one that has issued the latest token', async () => {
  const id = toBytes(newLoginId(new Date(Date.now() + 3 * 60_000)));
  await t.world.allowDeletionOfLogins();
  await t.world.write((db) =>
    db.query(
      `INSERT INTO "login_tokens" ("id", "expires_at", "delegation_id", "organization_number", "secure", "user_id")
       VALUES (${IS_POSTGRES ? `'${id.toString('hex')}'` : `x'${id.toString('hex')}'`}, 1, 1, 1, TRUE, 'nobody')`,
    ),
  );
  expect(await faults()).toEqual([
    expect.stringMatching(/^error clock: The latest login token is from the future, by 1[78]\d s/),
  ]);
  await t.world.write((db) => db.query(`DELETE FROM "login_tokens"`));
  expect(await faults()).toEqual([]);
});

it('finds records that should have been deleted', async () => {
  const expiresAt = new Date(Date.now() - 3 * 60 * 60 * 1000);
  await t.world.write((db) => db.insert(OAuthRecord, { id: 'late', kind: 'Grant', payload: '{}', expiresAt }));
  expect(await faults()).toEqual(['warning retention: Records should have been deleted 3 hours ago.']);
  await t.world.write((db) => db.delete(OAuthRecord, { id: 'late' }));
  const at = new Date(Date.now() - 402 * DAY_MS);
  await t.world.write((db) =>
    db.query(
      `INSERT INTO "audit_events" ("id", "at", "event") VALUES (-1, '${at.toISOString().replace('T', ' ').slice(0, 23)}${IS_POSTGRES ? '+00' : ''}', 'ACCOUNT_CHANGED')`,
    ),
  );
  expect(await faults()).toEqual(['warning retention: Records should have been deleted 48 hours ago.']);
  await t.world.write((db) => db.query(`DELETE FROM "audit_events" WHERE "id" = -1`));
});

it('finds proxies that are needed and not trusted, and a public URL without https', async () => {
  expect(await faults({ SIGN_IN_URL: 'https://host.example/' })).toEqual([
    expect.stringMatching(/^error proxies: .+ \/forward-auth answers nobody/),
  ]);
  const https = await faults({ PUBLIC_URL: 'https://127.0.0.1:1' });
  expect(https[0]).toMatch(/^warning proxies: PUBLIC_URL is https/);
  const plain = await faults({ PUBLIC_URL: 'http://login.invalid' });
  expect(plain[0]).toMatch(/^warning proxies: PUBLIC_URL .+ has no https/);
  expect(await faults({ TRUSTED_PROXIES: '127.0.0.1', SIGN_IN_URL: 'https://host.example/' })).toEqual([]);
});

it('finds a public URL that leads nowhere, or to something else', async () => {
  const production = { NODE_ENV: 'production', TRUSTED_PROXIES: '127.0.0.1' };
  expect(await faults({ ...production, PUBLIC_URL: 'https://127.0.0.1:1' })).toEqual([
    expect.stringMatching(/^error proxies: PUBLIC_URL \(https:\/\/127\.0\.0\.1:1\) does not lead to the service/),
  ]);
  expect(await faults({ PUBLIC_URL: 'http://127.0.0.1:1' })).toEqual([
    expect.stringMatching(/^warning proxies: PUBLIC_URL .+ does not lead to the service/),
  ]);
});

function levels(free: number, size: number, log = 0): string[] {
  return judgeDisk(free, size, log).map(({ level }) => level);
}

it('tells what free space means for the database', () => {
  expect(levels(10_000 * MIB, 100 * MIB)).toEqual(['ok']);
  expect(levels(90 * MIB, 100 * MIB)).toEqual(['warning']);
  expect(levels(10 * MIB, 1 * MIB)).toEqual(['error']);
  expect(levels(10_000 * MIB, 100 * MIB, 2000 * MIB)).toEqual(['ok', 'warning']);
});

it('finds files with secrets that others may open', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'latchkey-doctor-'));
  const envFile = join(directory, 'latchkey.env');
  writeFileSync(envFile, 'SECRET_KEY=x', { mode: 0o644 });
  expect(await faults({}, envFile)).toEqual([`error files: Others than its owner may open ${envFile}.`]);
  chmodSync(envFile, 0o600);
  expect(await faults({}, envFile)).toEqual([]);
  rmSync(directory, { recursive: true });
});

it('finds a SQLite file that others may open, or replace', async () => {
  const path = process.env.DATABASE_PATH ?? join(tmpdir(), 'none', 'latchkey.db');
  const wrong = [
    `error files: Others than its owner may open ${path}.`,
    `error files: Everybody may replace the files in ${dirname(path)}.`,
  ];
  if (!IS_POSTGRES) {
    chmodSync(path, 0o640);
    chmodSync(dirname(path), 0o777);
  }
  const found = await faults();
  if (!IS_POSTGRES) {
    chmodSync(path, 0o600);
    chmodSync(dirname(path), 0o700);
  }
  expect(found).toEqual(IS_POSTGRES ? [] : wrong);
});

it('finds a pool that does not fit the connections of PostgreSQL', async () => {
  const large = await faults({ DATABASE_POOL_SIZE: '1000' });
  expect(large.some((fault) => fault.startsWith('error connections: An instance takes up to 1000'))).toBe(IS_POSTGRES);
});

it('changes nothing: a directory that is not there is not made', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'latchkey-doctor-'));
  await faults({ DATABASE_PATH: join(directory, 'none', 'latchkey.db') });
  expect(readdirSync(directory)).toEqual([]);
  rmSync(directory, { recursive: true });
});
