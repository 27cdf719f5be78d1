import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import type { Clock } from '../../../src/common/clock.js';
import { hashSecret } from '../../../src/common/id.js';
import { fromBytes } from '../../../src/common/login-id.js';
import { Settings } from '../../../src/config/settings.js';
import { KeyRing } from '../../../src/tokens/key-ring.js';
import { KeySeal } from '../../../src/tokens/key-seal.js';
import { SigningKey } from '../../../src/schema/entities/signing-key.entity.js';
import { SigningKeysService } from '../../../src/tokens/signing-keys.service.js';
import { cookieOf, testEnvironment } from '../../support/app.js';
import { compact, decode, forgetFailedAttempts, hmac } from '../../support/forge.js';
import { INVALID, SIGNED_IN, USED, caller, idOf, isPostgres, outcomeOf, secretOf, setUp, t, user } from './setup.js';

setUp();

/** Every table of the database with every row, whatever the service knows of it. */
async function dump(): Promise<Record<string, Record<string, unknown>[]>> {
  const database = t.nest.get(DataSource);
  const names = isPostgres
    ? `SELECT table_name AS "name" FROM information_schema.tables WHERE table_schema NOT IN ('pg_catalog', 'information_schema')`
    : `SELECT name FROM sqlite_master WHERE type = 'table'`;
  const tables: Record<string, Record<string, unknown>[]> = {};
  for (const { name } of await database.query<{ name: string }[]>(names))
    tables[name] = await database.query(`SELECT * FROM "${name}"`);
  return tables;
}

function textsIn(tables: Record<string, Record<string, unknown>[]>): string[] {
  const texts = Object.values(tables).flatMap((rows) => rows.flatMap((row) => Object.values(row)));
  return [
    ...new Set(
      texts
        .filter((value) => value !== null)
        .map((value) => (value instanceof Date ? value.toISOString() : textOf(value))),
    ),
  ];
}

/** Bytes in the spelling in which the service has them elsewhere: an ID of a login, or a hash. */
function textOf(value: unknown): string {
  if (!Buffer.isBuffer(value)) return String(value);
  return value.length === 16 ? fromBytes(value) : value.toString('base64url');
}

/** The hash of a cookie's secret. */
function hashIn(cookie: string): string {
  return hashSecret(secretOf(cookie).split('.')[1]!);
}

/** The files of the database as they are, with what was deleted and not yet overwritten. */
function filesOfTheDatabase(): string {
  const path = process.env.DATABASE_PATH;
  if (isPostgres || !path) return '';
  return [path, `${path}-wal`]
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, 'latin1'))
    .join('\n');
}

/** The ways in which bytes are written. */
function spellings(base64url: string): string[] {
  const bytes = Buffer.from(base64url, 'base64url');
  return [
    base64url,
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    bytes.toString('latin1'),
  ];
}

/** What one sign-in and a few failures leave behind. */
interface Traces {
  used: string;
  unused: string;
  cookie: string;
  wrong: string;
}

async function leaveTraces(): Promise<Traces> {
  const used = await t.loginToken(caller, user.id, '?returnTo=/course');
  const unused = await t.loginToken(caller, user.id);
  const cookie = cookieOf(await t.login(used));
  const wrong = `${used.slice(0, -6)}AAAAAA`;
  expect(outcomeOf(await t.login(wrong))).toEqual(INVALID);
  expect(outcomeOf(await t.login(used))).toEqual(USED);
  expect((await t.as({ token: wrong })('/user/self')).status).toBe(401);
  return { used, unused, cookie, wrong };
}

/** The values of the rows that have to do with the user and the caller of this test, and of all that are nobody's. */
function valuesOf(tables: Record<string, Record<string, unknown>[]>): string[] {
  const ours = new Set<unknown>([user.id, user.groupId, caller.id, caller.clientId, caller.organizationId]);
  const concerns = (row: Record<string, unknown>): boolean => Object.values(row).some((value) => ours.has(value));
  const nobodys = new Set(['sessions', 'signing_keys', 'failed_attempts', 'migrations']);
  return textsIn(
    Object.fromEntries(
      Object.entries(tables).map(([name, rows]) => [name, nobodys.has(name) ? rows : rows.filter(concerns)]),
    ),
  ).filter((value) => value !== '');
}

describe('S5: a dump of the database', () => {
  it('S5: holds no token, no signature, no cookie and no key', async () => {
    const { used, unused, cookie, wrong } = await leaveTraces();
    const ring = t.nest.get(KeyRing, { strict: false });
    const tables = await dump();
    const text = `${textsIn(tables).join('\n')}\n${filesOfTheDatabase()}`;

    // It is a dump of all of it, with these very rows.
    const known = t.nest.get(DataSource).entityMetadatas.map(({ tableName }) => tableName);
    expect(Object.keys(tables)).toEqual(expect.arrayContaining(known));
    expect(text).toContain(idOf(used));
    expect(text).toContain(idOf(unused));
    expect(text).toContain(hashIn(cookie));
    expect(text).toContain(ring.signing('LOGIN').kid);
    expect(tables.failed_attempts!.length).toBeGreaterThan(0);

    const signatures = [used, unused, wrong, caller.token].map((token) => token.split('.')[2]!);
    const payloads = [used, unused, wrong, caller.token].map((token) => token.split('.')[1]!);
    const login = ring.signing('LOGIN').signing.export({ format: 'jwk' }) as { k: string };
    const access = ring.signing('ACCESS').signing.export({ format: 'jwk' }) as { d: string };
    const secrets = [...signatures, secretOf(cookie).split('.')[1]!, login.k, access.d].flatMap(spellings);
    expect([...secrets, ...payloads].filter((secret) => text.includes(secret))).toEqual([]);
  });

  it('S5: holds nothing that opens a session, calls the API or signs anybody in', async () => {
    const { unused, cookie } = await leaveTraces();
    const values = valuesOf(await dump());
    expect(values).toEqual(expect.arrayContaining([hashIn(cookie), idOf(unused), caller.id, caller.clientId]));
    const opened: unknown[] = [];
    for (const [i, value] of values.entries()) {
      if (i % 90 === 0) await forgetFailedAttempts(t);
      const encoded = encodeURIComponent(value);
      const session = await t.call('/session', {
        headers: { cookie: `latchkey=${encoded}; __Host-latchkey=${encoded}` },
      });
      const api = await t.call('/api/2.1.1/user/self', { headers: { authorization: `Bearer ${encoded}` } });
      const login = await t.login(encoded);
      if (session.status !== 401 || api.status !== 401 || login.status !== 401)
        opened.push({ value, session, api, login });
    }
    expect(opened).toEqual([]);
    expect(outcomeOf(await t.login(unused))).toEqual(SIGNED_IN);
  });

  it('S5: holds nothing that signs a token', async () => {
    const { unused, cookie } = await leaveTraces();
    const { header, payload } = decode(unused);
    const tables = await dump();
    const values = valuesOf(tables);
    expect(values).toEqual(
      expect.arrayContaining([...tables.signing_keys!.map(({ sealed_jwk }) => sealed_jwk), hashIn(cookie)]),
    );
    const keys = values.flatMap((value) => [
      Buffer.from(value),
      Buffer.from(value, 'base64url'),
      Buffer.from(value, 'base64url').subarray(28),
    ]);
    const outcomes = [];
    for (const [i, key] of keys.entries()) {
      if (i % 90 === 0) await forgetFailedAttempts(t);
      outcomes.push(outcomeOf(await t.login(compact(header, payload, hmac(key)))));
    }
    expect(outcomes).toEqual(keys.map(() => INVALID));
    expect(outcomeOf(await t.login(unused))).toEqual(SIGNED_IN);
  });

  it('S5: gives its signing keys to nobody without the secret key, nor in one another’s place', async () => {
    const rows = await t.nest.get(DataSource).getRepository(SigningKey).find();
    const { SECRET_KEY } = testEnvironment();
    await expect(openWith(SECRET_KEY!, rows)).resolves.toBeUndefined();
    await expect(openWith(`${SECRET_KEY!.slice(0, -1)}v`, rows)).rejects.toThrow('another SECRET_KEY');
    const [first, second] = rows;
    const exchanged = [
      { ...first!, sealedJwk: second!.sealedJwk },
      { ...second!, sealedJwk: first!.sealedJwk },
    ];
    await expect(openWith(SECRET_KEY!, exchanged)).rejects.toThrow('another SECRET_KEY');
  });

  it('S5: no call returns a token twice, and none returns a secret that it was given', async () => {
    const first = await t.as(caller)(`/access/${user.id}`);
    const second = await t.as(caller)(`/access/${user.id}`);
    expect(idOf(second.body.token)).not.toBe(idOf(first.body.token));
    expect(second.text).not.toContain(first.body.token.split('.')[2]);
    const signedIn = await t.login(first.body.token);
    const cookie = cookieOf(signedIn);
    const answers = await Promise.all([
      t.call('/session', { headers: { cookie } }),
      t.call('/', { headers: { cookie } }),
      t.login(second.body.token, { cookie }),
      t.login(first.body.token),
      t.call('/login?token=wrong', { headers: { cookie: 'latchkey=wrong' } }),
      t.as(caller)('/user/self'),
      t.as(caller)(`/user/${user.id}`),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 303, 410, 401, 200, 200]);
    const seen = answers.map(({ text, headers }) => `${JSON.stringify([...headers])}${text}`).join('\n');
    const secrets = [first.body.token, second.body.token, caller.token].map((token: string) => token.split('.')[2]!);
    expect([...secrets, secretOf(cookie)].filter((secret) => seen.includes(secret))).toEqual([]);
    expect(`${JSON.stringify([...signedIn.headers])}${signedIn.text}`).not.toContain(secrets[0]);
  });
});

/** Starts a key ring with `stored` as the signing keys of the database. */
function openWith(secretKey: string, stored: SigningKey[]): Promise<void> {
  return new KeyRing(
    { read: () => Promise.resolve(stored) } as never,
    new KeySeal(Object.assign(new Settings(), { SECRET_KEY: secretKey })),
    t.nest.get(SigningKeysService, { strict: false }),
    t.clock as Clock,
  ).onModuleInit();
}
