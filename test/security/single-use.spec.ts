import { existsSync, readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { AuditEvent } from '../../src/schema/entities/audit-event.entity.js';
import type { AuditEventName } from '../../src/schema/entities/audit-events.js';
import { LoginToken } from '../../src/schema/entities/login-token.entity.js';
import { createApp } from '../../src/app/setup.js';
import type { Clock } from '../../src/common/clock.js';
import { hashSecret, newClientId, newId, newSecret } from '../../src/common/id.js';
import { loadSettings, Settings } from '../../src/config/settings.js';
import { Database } from '../../src/database/database.js';
import { MaintenanceService } from '../../src/maintenance/maintenance.service.js';
import { KeyRing } from '../../src/tokens/key-ring.js';
import { KeySeal } from '../../src/tokens/key-seal.js';
import { SigningKey } from '../../src/schema/entities/signing-key.entity.js';
import { SigningKeysService } from '../../src/tokens/signing-keys.service.js';
import { Session } from '../../src/schema/entities/session.entity.js';
import { call, cookieOf, PUBLIC_URL, TestApp, testEnvironment } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { compact, decode, forgive, hmac } from '../support/forge.js';
import { Instance } from '../support/instance.js';
import type { TestCaller } from '../support/world.js';
import { lockSessions } from '../support/write-lock.js';

const isPostgres = Boolean(process.env.DATABASE_URL);

let t: TestApp;
let caller: TestCaller;
/** Whom the caller may let in, and by which group. */
let user: { id: string; groupId: string };

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());
beforeEach(async () => {
  caller = await t.world.caller();
  user = await t.world.userOf(caller, {
    name: 'Wilhelmina Kuiper',
    emailAddress: `${newClientId()}@wilhelmina.example`,
  });
  await forgive(t);
});
afterEach(() => {
  jest.restoreAllMocks();
  t.clock.reset();
});

function idOf(token: string): string {
  return decode(token).payload.jti as string;
}

/** The sessions that a token started. */
function sessionsOf(token: string): Promise<Session[]> {
  return t.nest
    .get(DataSource)
    .getRepository(Session)
    .findBy({ loginTokenId: idOf(token) });
}

function redeemAt(base: string, token: string): Promise<Answer> {
  return call(base, `/login?token=${token}`, { headers: { accept: 'application/json' } });
}

async function isSignedIn(base: string, cookie: string): Promise<boolean> {
  const { status } = await call(base, '/session', { headers: { cookie } });
  return status === 200;
}

/** What a visitor sees of an answer: all of it but what is new in each. */
function faceOf({ status, headers, text }: Answer): string {
  const seen = [...headers].filter(([name]) => !['x-request-id', 'date', 'connection', 'keep-alive'].includes(name));
  return JSON.stringify({ status, headers: seen, text });
}

const USED = { status: 410, id: 'token_used', cookies: 0 };
const EXPIRED = { status: 410, id: 'token_expired', cookies: 0 };
const INVALID = { status: 401, id: 'invalid_token', cookies: 0 };
const SIGNED_IN = { status: 303, id: undefined, cookies: 1 };

function outcomeOf({ status, body, headers }: Answer): { status: number; id: string | undefined; cookies: number } {
  return { status, id: body?.id, cookies: headers.getSetCookie().length };
}

describe('several instances', () => {
  let instances: Instance[];

  // The application of this file has made the tables, so these can start at the same time.
  beforeAll(async () => {
    instances = await Promise.all([Instance.start(), Instance.start(), Instance.start()]);
  }, 60_000);
  afterAll(async () => {
    await Promise.all(instances.map((instance) => instance.stop('SIGKILL')));
  });

  const urlOf = (turn: number): string => instances[turn % instances.length]!.url;

  it('S1: of 100 parallel redemptions over three instances, one starts a session', async () => {
    const token = await t.loginToken(caller, user.id);
    const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => redeemAt(urlOf(i), token)));
    const [won, lost] = [
      answers.filter(({ status }) => status === 303),
      answers.filter(({ status }) => status !== 303),
    ];
    expect(won.map(outcomeOf)).toEqual([SIGNED_IN]);
    expect(lost).toHaveLength(99);
    expect(outcomeOf(lost[0]!)).toEqual(USED);
    expect(lost[0]!.body).toEqual({ id: 'token_used', description: expect.any(String) });
    expect([...new Set(lost.map(faceOf))]).toHaveLength(1);
    expect(await sessionsOf(token)).toHaveLength(1);
    const tokenId = decode(token).payload.jti as string;
    const recorded = (event: AuditEventName): Promise<number> =>
      t.world.write((db) => db.countBy(AuditEvent, { event, tokenId }));
    expect([await recorded('SESSION_STARTED'), await recorded('SESSION_REFUSED')]).toEqual([1, 99]);
    const signedIn = await Promise.all(instances.map(({ url }) => isSignedIn(url, cookieOf(won[0]!))));
    expect(signedIn).toEqual([true, true, true]);
  });

  it('S1: of twenty tokens that are each redeemed six times at once, each starts one session', async () => {
    const tokens = await Promise.all(Array.from({ length: 20 }, () => t.loginToken(caller, user.id)));
    const answers = await Promise.all(
      tokens.flatMap((token) => Array.from({ length: 6 }, (_, i) => redeemAt(urlOf(i), token))),
    );
    const won = tokens.map((_, i) => answers.slice(i * 6, i * 6 + 6).filter(({ status }) => status === 303).length);
    expect(won).toEqual(tokens.map(() => 1));
    expect(answers.filter(({ status }) => status !== 303).map(outcomeOf)).toEqual(
      Array.from({ length: 100 }, () => USED),
    );
    const sessions = await Promise.all(tokens.map(sessionsOf));
    expect(sessions.map((some) => some.length)).toEqual(tokens.map(() => 1));
  });

  it('S1: a token that one instance redeemed is used at every other at once', async () => {
    const token = await t.loginToken(caller, user.id);
    expect(outcomeOf(await redeemAt(urlOf(0), token))).toEqual(SIGNED_IN);
    const answers = await Promise.all([t.url, urlOf(1), urlOf(2)].map((url) => redeemAt(url, token)));
    expect(answers.map(outcomeOf)).toEqual([USED, USED, USED]);
  });

  it('S3: an instance that is killed under load has forgotten nothing that it answered', async () => {
    const loaded = instances.pop()!;
    const load = { isUp: true, underWay: 0, next: 0 };
    const issued: string[] = [];
    const redeemed = new Map<string, string>();
    const work = async (): Promise<void> => {
      load.underWay++;
      try {
        for (let i = 0; i < 2; i++) {
          const access = await call(loaded.url, `/api/2.1.1/access/${user.id}`, {
            headers: { authorization: `Bearer ${caller.token}` },
          });
          if (access.status === 200) issued.push(access.body.token);
        }
        const token = issued[load.next++]!;
        const answer = await redeemAt(loaded.url, token);
        if (answer.status === 303) redeemed.set(token, cookieOf(answer));
      } catch {
        load.isUp = false;
      } finally {
        load.underWay--;
      }
    };
    const workers = Array.from({ length: 12 }, async () => {
      while (load.isUp) await work();
    });
    const deadline = Date.now() + 20_000;
    while (redeemed.size < 40 && load.isUp && Date.now() < deadline) await setTimeout(5);
    const cutOff = load.underWay;
    await loaded.stop('SIGKILL');
    await Promise.all(workers);
    expect(redeemed.size).toBeGreaterThanOrEqual(40);
    expect(cutOff).toBeGreaterThan(0);
    expect(issued.length).toBeGreaterThan(redeemed.size);

    const again = await Instance.start();
    instances.push(again);
    const signedIn = await Promise.all([...redeemed.values()].map((cookie) => isSignedIn(again.url, cookie)));
    expect(signedIn).toEqual(signedIn.map(() => true));
    const left = issued.filter((token) => !redeemed.has(token));
    const answers = await Promise.all(left.map((token) => redeemAt(again.url, token)));
    // What is used by now was redeemed when the plug was pulled, and its answer was lost.
    const lost = answers.filter(({ status }) => status !== 303);
    expect(lost.map(outcomeOf)).toEqual(lost.map(() => USED));
    expect(lost.length).toBeLessThanOrEqual(workers.length);
    const sessions = await Promise.all(issued.map(sessionsOf));
    expect(sessions.map((some) => some.length)).toEqual(issued.map(() => 1));
  }, 60_000);

  it('S3: a visitor whose sign-in was cut off by a kill before it was written can try again', async () => {
    const token = await t.loginToken(caller, user.id);
    const killed = instances.pop()!;
    const lock = await lockSessions();
    const answer = redeemAt(killed.url, token).catch((error: Error) => error.message);
    await lock.holdsUp(killed.url);
    await killed.stop('SIGKILL');
    expect(await answer).toBe('fetch failed');
    await lock.forgetTheDead();
    await lock.release();
    expect(await sessionsOf(token)).toEqual([]);
    expect(outcomeOf(await redeemAt(instances[0]!.url, token))).toEqual(SIGNED_IN);
    expect(await sessionsOf(token)).toHaveLength(1);
  });
});

describe('S1: one instance', () => {
  it('S1: of 50 parallel redemptions in one process, one starts a session', async () => {
    const token = await t.loginToken(caller, user.id);
    const answers = (await Promise.all(Array.from({ length: 50 }, () => t.login(token))))
      .map(outcomeOf)
      .toSorted((a, b) => a.status - b.status);
    expect(answers).toEqual([SIGNED_IN, ...Array.from({ length: 49 }, () => USED)]);
    expect(await sessionsOf(token)).toHaveLength(1);
  });

  it('S1: a token is used also when the session that it started has ended', async () => {
    const token = await t.loginToken(caller, user.id);
    const cookie = cookieOf(await t.login(token));
    await t.call('/logout', { method: 'POST', headers: { cookie, origin: PUBLIC_URL } });
    expect(await isSignedIn(t.url, cookie)).toBe(false);
    expect(outcomeOf(await t.login(token))).toEqual(USED);
  });
});

/** Does `change` after the token was checked and before it is consumed. */
function justBeforeItIsConsumed(change: () => Promise<unknown>): void {
  const database = t.nest.get(Database);
  const write = jest.spyOn(database, 'write');
  write.mockImplementation(async (statement, parameters) => {
    if (statement.name !== 'start_session') throw new Error(`${statement.name} came before the session was started.`);
    write.mockRestore();
    await change();
    return database.write(statement, parameters);
  });
}

/** One statement, written as PostgreSQL has its parameters. */
function query(sql: string, ...parameters: string[]): (db: EntityManager) => Promise<unknown> {
  return (db) => db.query(isPostgres ? sql : sql.replaceAll(/\$\d/g, '?'), parameters);
}

describe('S2: the statement that consumes', () => {
  it.each([
    {
      what: 'the token expires',
      change: (id: string) => query('UPDATE "login_tokens" SET "expires_at" = "issued_at" WHERE "id" = $1', id),
      outcome: EXPIRED,
    },
    {
      what: 'the token is revoked',
      change: (id: string) => query('UPDATE "login_tokens" SET "revoked_at" = "issued_at" WHERE "id" = $1', id),
      outcome: INVALID,
    },
    {
      what: 'the record of the token goes',
      change: (id: string) => query('DELETE FROM "login_tokens" WHERE "id" = $1', id),
      outcome: INVALID,
    },
    {
      what: 'the user is blocked',
      change: () => query(`UPDATE "users" SET "status" = 'BLOCKED' WHERE "id" = $1`, user.id),
      outcome: INVALID,
    },
    { what: 'the user goes', change: () => query('DELETE FROM "users" WHERE "id" = $1', user.id), outcome: INVALID },
    {
      what: 'the user leaves the group',
      change: () => query('DELETE FROM "memberships" WHERE "user_id" = $1', user.id),
      outcome: INVALID,
    },
    {
      what: 'the group goes',
      change: () => query('DELETE FROM "groups" WHERE "id" = $1', user.groupId),
      outcome: INVALID,
    },
    {
      what: 'the caller is blocked',
      change: () => query(`UPDATE "users" SET "status" = 'BLOCKED' WHERE "id" = $1`, caller.id),
      outcome: INVALID,
    },
    {
      what: 'the caller loses the permission',
      change: () => query('DELETE FROM "account_permissions" WHERE "user_id" = $1', caller.id),
      outcome: INVALID,
    },
    {
      what: 'the caller loses the group',
      change: () => query('DELETE FROM "group_staff" WHERE "user_id" = $1', caller.id),
      outcome: INVALID,
    },
    {
      what: 'the caller leaves the staff',
      change: () => query('UPDATE "users" SET "staff_organization_id" = NULL WHERE "id" = $1', caller.id),
      outcome: INVALID,
    },
    {
      what: 'the client goes',
      change: () => query('DELETE FROM "clients" WHERE "id" = $1', caller.clientId),
      outcome: INVALID,
    },
  ])('S2: starts no session when $what after the token was checked', async ({ change, outcome }) => {
    const token = await t.loginToken(caller, user.id);
    justBeforeItIsConsumed(() => t.world.write(change(idOf(token))));
    expect(outcomeOf(await t.login(token))).toEqual(outcome);
    expect(await sessionsOf(token)).toEqual([]);
  });

  it('S2: starts no second session when somebody else redeems the token after it was checked', async () => {
    const token = await t.loginToken(caller, user.id);
    let other: Answer | undefined;
    justBeforeItIsConsumed(async () => {
      other = await t.login(token);
    });
    expect(outcomeOf(await t.login(token))).toEqual(USED);
    expect(outcomeOf(other!)).toEqual(SIGNED_IN);
    expect((await sessionsOf(token)).map(({ secretHash }) => secretHash)).toEqual([
      hashSecret(secretOf(cookieOf(other!))),
    ]);
  });

  it('S2: starts the session when nothing happens after the token was checked', async () => {
    const token = await t.loginToken(caller, user.id);
    const between = jest.fn(() => Promise.resolve());
    justBeforeItIsConsumed(between);
    expect(outcomeOf(await t.login(token))).toEqual(SIGNED_IN);
    expect(between).toHaveBeenCalledTimes(1);
  });

  it('S2: starts no session when the database gives nothing back, whatever it wrote', async () => {
    const token = await t.loginToken(caller, user.id);
    const database = t.nest.get(Database);
    jest.spyOn(database, 'write').mockResolvedValueOnce([]);
    const answer = await t.login(token);
    expect({ status: answer.status, cookies: answer.headers.getSetCookie() }).toEqual({ status: 401, cookies: [] });
  });

  it('S2: the database itself holds no two sessions of one token', async () => {
    const token = await t.loginToken(caller, user.id);
    await t.login(token);
    const [session] = await sessionsOf(token);
    const second = t.world.write((db) =>
      db.insert(Session, { ...session!, id: newId(), secretHash: hashSecret(newSecret()) }),
    );
    await expect(second).rejects.toThrow(/unique/i);
    expect(await sessionsOf(token)).toEqual([session]);
  });
});

async function run(statements: string[]): Promise<void> {
  await t.world.write(async (db) => {
    for (const statement of statements) await db.query(statement);
  });
}

describe('S3: consuming and creating', () => {
  const FAILURES = [
    { when: 'before the session is written', timing: 'BEFORE', sqlite: 'ABORT' },
    { when: 'after the session was written', timing: 'AFTER', sqlite: 'ABORT' },
    { when: 'after the session was written, with the whole transaction', timing: 'AFTER', sqlite: 'ROLLBACK' },
  ];

  function triggerOf({ timing, sqlite }: (typeof FAILURES)[number]): string[] {
    if (!isPostgres)
      return [`CREATE TRIGGER "fail" ${timing} INSERT ON "sessions" BEGIN SELECT RAISE(${sqlite}, 'no'); END`];
    return [
      `CREATE OR REPLACE FUNCTION "fail"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$`,
      // At the commit, where the transaction is all that fails.
      sqlite === 'ROLLBACK'
        ? 'CREATE CONSTRAINT TRIGGER "fail" AFTER INSERT ON "sessions" DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "fail"()'
        : `CREATE TRIGGER "fail" ${timing} INSERT ON "sessions" FOR EACH ROW EXECUTE FUNCTION "fail"()`,
    ];
  }

  it.each(FAILURES)(
    'S3: a sign-in that fails $when leaves the token as it was, and the visitor tries again',
    async (failure) => {
      const token = await t.loginToken(caller, user.id);
      const record = (): Promise<LoginToken | null> =>
        t.nest
          .get(DataSource)
          .getRepository(LoginToken)
          .findOneBy({ id: idOf(token) });
      const before = await record();
      const logged = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
      await run(triggerOf(failure));
      try {
        const answers = await Promise.all([t.login(token), t.login(token)]);
        expect(answers.map(outcomeOf)).toEqual(answers.map(() => ({ status: 500, id: 'internal_error', cookies: 0 })));
        expect(await sessionsOf(token)).toEqual([]);
        expect(await record()).toEqual(before);
      } finally {
        await run([isPostgres ? 'DROP TRIGGER "fail" ON "sessions"' : 'DROP TRIGGER "fail"']);
      }
      expect(logged).toHaveBeenCalledTimes(2);
      expect(outcomeOf(await t.login(token))).toEqual(SIGNED_IN);
      expect(outcomeOf(await t.login(token))).toEqual(USED);
    },
  );
});

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
        .map((value) => (value instanceof Date ? value.toISOString() : String(value))),
    ),
  ];
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

function secretOf(cookie: string): string {
  return cookie.slice(cookie.indexOf('=') + 1);
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
  const nobodys = new Set(['signing_keys', 'failed_attempts', 'migrations']);
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
    expect(text).toContain(hashSecret(secretOf(cookie)));
    expect(text).toContain(ring.signing('LOGIN').kid);
    expect(tables.failed_attempts!.length).toBeGreaterThan(0);

    const signatures = [used, unused, wrong, caller.token].map((token) => token.split('.')[2]!);
    const payloads = [used, unused, wrong, caller.token].map((token) => token.split('.')[1]!);
    const login = ring.signing('LOGIN').signing.export({ format: 'jwk' }) as { k: string };
    const access = ring.signing('ACCESS').signing.export({ format: 'jwk' }) as { d: string };
    const secrets = [...signatures, secretOf(cookie), login.k, access.d].flatMap(spellings);
    expect([...secrets, ...payloads].filter((secret) => text.includes(secret))).toEqual([]);
  });

  it('S5: holds nothing that opens a session, calls the API or signs anybody in', async () => {
    const { unused, cookie } = await leaveTraces();
    const values = valuesOf(await dump());
    expect(values).toEqual(
      expect.arrayContaining([hashSecret(secretOf(cookie)), idOf(unused), caller.id, caller.clientId]),
    );
    const opened: unknown[] = [];
    for (const [i, value] of values.entries()) {
      if (i % 90 === 0) await forgive(t);
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
      expect.arrayContaining([
        ...tables.signing_keys!.map(({ sealed_jwk }) => sealed_jwk),
        hashSecret(secretOf(cookie)),
      ]),
    );
    const keys = values.flatMap((value) => [
      Buffer.from(value),
      Buffer.from(value, 'base64url'),
      Buffer.from(value, 'base64url').subarray(28),
    ]);
    const outcomes = [];
    for (const [i, key] of keys.entries()) {
      if (i % 90 === 0) await forgive(t);
      outcomes.push(outcomeOf(await t.login(compact(header, payload, hmac(key)))));
    }
    expect(outcomes).toEqual(keys.map(() => INVALID));
    expect(outcomeOf(await t.login(unused))).toEqual(SIGNED_IN);
  });

  it('S5: gives its signing keys to nobody without the secret key, nor in one another’s place', async () => {
    const rows = await t.nest.get(DataSource).getRepository(SigningKey).find();
    const openWith = (secretKey: string, stored: SigningKey[]): Promise<void> =>
      new KeyRing(
        { read: () => Promise.resolve(stored) } as never,
        new KeySeal(Object.assign(new Settings(), { SECRET_KEY: secretKey })),
        t.nest.get(SigningKeysService, { strict: false }),
        t.clock as Clock,
      ).onModuleInit();
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

type SecretName = 'login token' | 'bearer token' | 'session' | 'https-only session';

async function makeSecrets(): Promise<Record<SecretName, string>> {
  return {
    'login token': await t.loginToken(caller, user.id),
    'bearer token': caller.token,
    session: secretOf(await t.signIn(caller, user.id)),
    'https-only session': secretOf(await t.signIn(caller, user.id, '?security=ssl')),
  };
}

describe('S6: each secret at each door', () => {
  const json = { accept: 'application/json' };
  const self = '/api/2.1.1/user/self';

  /** A door, the one secret that opens it, and the status it then answers with. */
  const DOORS: {
    door: string;
    key: SecretName | null;
    opened: number;
    closed: number;
    knock: (secret: string) => Promise<Answer>;
  }[] = [
    {
      door: '/login?token=',
      key: 'login token',
      opened: 303,
      closed: 401,
      knock: (s) => t.call(`/login?token=${s}`, { headers: json }),
    },
    {
      door: '/login?oauth_token=',
      key: 'login token',
      opened: 303,
      closed: 401,
      knock: (s) => t.call(`/login?oauth_token=${s}`, { headers: json }),
    },
    {
      door: '/login with Authorization',
      key: null,
      opened: 303,
      closed: 400,
      knock: (s) => t.call('/login', { headers: { ...json, authorization: `Bearer ${s}` } }),
    },
    {
      door: '/login?code=',
      key: null,
      opened: 303,
      closed: 400,
      knock: (s) => t.call(`/login?code=${s}`, { headers: json }),
    },
    {
      door: 'the API with Bearer',
      key: 'bearer token',
      opened: 200,
      closed: 401,
      knock: (s) => t.call(self, { headers: { authorization: `Bearer ${s}` } }),
    },
    {
      door: 'the API with OAuth',
      key: 'bearer token',
      opened: 200,
      closed: 401,
      knock: (s) => t.call(self, { headers: { authorization: `OAuth ${s}` } }),
    },
    {
      door: 'the access call with Bearer',
      key: 'bearer token',
      opened: 200,
      closed: 401,
      knock: (s) => t.call(`/api/2.1.1/access/${user.id}`, { headers: { authorization: `Bearer ${s}` } }),
    },
    {
      door: 'the API with Basic',
      key: null,
      opened: 200,
      closed: 401,
      knock: (s) => t.call(self, { headers: { authorization: `Basic ${Buffer.from(`${s}:`).toString('base64')}` } }),
    },
    {
      door: 'the API with ?access_token=',
      key: null,
      opened: 200,
      closed: 401,
      knock: (s) => t.call(`${self}?access_token=${s}`),
    },
    {
      door: 'the API with ?token= and ?oauth_token=',
      key: null,
      opened: 200,
      closed: 401,
      knock: (s) => t.call(`/api/2.1.1/access/${user.id}?token=${s}&oauth_token=${s}`),
    },
    {
      door: 'the API with cookies',
      key: null,
      opened: 200,
      closed: 401,
      knock: (s) => t.call(self, { headers: { cookie: `latchkey=${s}; __Host-latchkey=${s}` } }),
    },
    {
      door: 'the access call with cookies',
      key: null,
      opened: 200,
      closed: 401,
      knock: (s) =>
        t.call(`/api/2.1.1/access/${user.id}`, { headers: { cookie: `latchkey=${s}; __Host-latchkey=${s}` } }),
    },
    {
      door: '/session with latchkey',
      key: 'session',
      opened: 200,
      closed: 401,
      knock: (s) => t.call('/session', { headers: { cookie: `latchkey=${s}` } }),
    },
    {
      door: '/session with __Host-latchkey',
      key: 'https-only session',
      opened: 200,
      closed: 401,
      knock: (s) => t.call('/session', { headers: { cookie: `__Host-latchkey=${s}` } }),
    },
    {
      door: '/session with other cookies',
      key: null,
      opened: 200,
      closed: 401,
      knock: (s) =>
        t.call('/session', { headers: { cookie: `session=${s}; token=${s}; Latchkey=${s}; __host-latchkey=${s}` } }),
    },
    {
      door: '/session with Bearer',
      key: null,
      opened: 200,
      closed: 401,
      knock: (s) => t.call('/session', { headers: { authorization: `Bearer ${s}` } }),
    },
    {
      door: '/session?token=',
      key: null,
      opened: 200,
      closed: 401,
      knock: (s) => t.call(`/session?token=${s}&oauth_token=${s}`),
    },
  ];
  const PAIRS = (['login token', 'bearer token', 'session', 'https-only session'] as const).flatMap((secret) =>
    DOORS.map(({ door, key, opened, closed, knock }) => ({
      secret,
      door,
      status: secret === key ? opened : closed,
      knock,
    })),
  );

  it.each(PAIRS)('S6: a $secret at $door is answered with $status', async ({ secret, status, knock }) => {
    expect((await knock((await makeSecrets())[secret])).status).toBe(status);
  });

  it('S6: no secret is used up or ended at a wrong door', async () => {
    const secrets = await makeSecrets();
    const rightDoors: Record<SecretName, string> = {
      'login token': '/login?token=',
      'bearer token': 'the API with Bearer',
      session: '/session with latchkey',
      'https-only session': '/session with __Host-latchkey',
    };
    for (const { secret, status, knock } of PAIRS) {
      if (status >= 400) await knock(secrets[secret]);
    }
    const answers = await Promise.all(
      DOORS.filter(({ door, key }) => key && rightDoors[key] === door).map(({ key, knock }) => knock(secrets[key!])),
    );
    expect(answers.map(({ status }) => status)).toEqual([303, 200, 200, 200]);
  });
});

/** Seconds. */
const DAY = 24 * 60 * 60;

function prune(app: NestFastifyApplication = t.nest): Promise<void> {
  return app.get(MaintenanceService, { strict: false }).prune();
}

/** Redeems the token now, and also by a clock that stands where it stood when the token was made. */
async function redeemAtAnyTime(token: string): Promise<number[]> {
  const late = (await t.login(token)).status;
  t.clock.reset();
  return [late, (await t.login(token)).status];
}

describe('S7: forgetting', () => {
  it.each([
    { when: 'before it expires', seconds: 30, statuses: [410, 410] },
    { when: 'when it has expired', seconds: 121, statuses: [410, 410] },
    { when: 'a day after its end', seconds: DAY + 121, statuses: [410, 410] },
    { when: 'after the session could have ended', seconds: 3 * DAY, statuses: [410, 410] },
    { when: 'just before the records go', seconds: 400 * DAY, statuses: [410, 410] },
    { when: 'after the records have gone', seconds: 402 * DAY, statuses: [410, 401] },
  ])('S7: a used token opens nothing $when', async ({ seconds, statuses }) => {
    const token = await t.loginToken(caller, user.id);
    const cookie = cookieOf(await t.login(token));
    t.clock.advance(seconds);
    await prune();
    await prune();
    expect(await redeemAtAnyTime(token)).toEqual(statuses);
    expect((await sessionsOf(token)).map(({ secretHash }) => secretHash)).toEqual(
      statuses[1] === 410 ? [hashSecret(secretOf(cookie))] : [],
    );
  });

  it('S7: a used token whose session was ended opens nothing after every time', async () => {
    const token = await t.loginToken(caller, user.id);
    const cookie = cookieOf(await t.login(token));
    await t.call('/logout', { method: 'POST', headers: { cookie, origin: PUBLIC_URL } });
    for (const seconds of [60, 120, DAY, 399 * DAY, 3 * DAY]) {
      t.clock.advance(seconds);
      await prune();
      expect([401, 410]).toContain((await t.login(token)).status);
      expect(await isSignedIn(t.url, cookie)).toBe(false);
    }
    expect(await redeemAtAnyTime(token)).toEqual([410, 401]);
  });

  it('S7: an unused token is not usable any more when its record has gone', async () => {
    const token = await t.loginToken(caller, user.id);
    t.clock.advance(DAY + 121);
    await prune();
    expect(await redeemAtAnyTime(token)).toEqual([410, 401]);
    expect(await sessionsOf(token)).toEqual([]);
  });

  it('S7: pruning between the check of a token and its consumption changes nothing', async () => {
    const token = await t.loginToken(caller, user.id);
    const answers = await Promise.all([t.login(token), prune(), t.login(token), prune(), t.login(token)]);
    const statuses = answers.filter((answer) => answer !== undefined).map(({ status }) => status);
    expect(statuses.toSorted((a, b) => a - b)).toEqual([303, 410, 410]);
  });

  it('S7: the record of a used token does not outlive the session by which it is known to be used', async () => {
    // The shortest sessions and retention, the longest tokens.
    const short = await createApp(
      loadSettings(testEnvironment({ SESSION_LIFETIME: '60', RETENTION_DAYS: '1', LOGIN_TOKEN_TTL: '3600' })),
      t.clock,
    );
    await short.listen(0, '127.0.0.1');
    try {
      const url = await short.getUrl();
      const { body } = await call(url, `/api/2.1.1/access/${user.id}`, {
        headers: { authorization: `Bearer ${caller.token}` },
      });
      expect(outcomeOf(await redeemAt(url, body.token))).toEqual(SIGNED_IN);
      t.clock.advance(DAY + 120);
      await prune(short);
      t.clock.reset();
      expect((await redeemAt(url, body.token)).status).not.toBe(303);
      expect(await sessionsOf(body.token)).toHaveLength(
        await t.nest
          .get(DataSource)
          .getRepository(LoginToken)
          .countBy({ id: idOf(body.token) }),
      );
    } finally {
      await short.close();
    }
  });
});

function bits(bytes: Buffer): number[] {
  return [...bytes].flatMap((byte) => Array.from({ length: 8 }, (_, i) => (byte >> i) & 1));
}

/** The bits that are not 1 in about half of the samples; none of 256 is in 10^20 runs. */
function biased(samples: Buffer[]): number[] {
  const ones = samples.map(bits).reduce((sums, sample) => sums.map((sum, i) => sum + sample[i]!));
  return ones.flatMap((sum, i) => (Math.abs(sum / samples.length - 0.5) < 0.12 ? [] : [i]));
}

describe('S8: secrets', () => {
  const SAMPLES = 2_000;

  it.each([
    { what: 'a secret', make: newSecret, encoding: 'base64url' as const, bytes: 32 },
    { what: 'an id', make: newId, encoding: 'base64url' as const, bytes: 16 },
    { what: 'a client id', make: newClientId, encoding: 'hex' as const, bytes: 16 },
  ])('S8: $what is $bytes bytes in which every bit is random', ({ make, encoding, bytes }) => {
    const samples = Array.from({ length: SAMPLES }, () => Buffer.from(make(), encoding));
    expect([...new Set(samples.map(({ length }) => length))]).toEqual([bytes]);
    expect(new Set(samples.map((sample) => sample.toString('hex'))).size).toBe(SAMPLES);
    expect(biased(samples)).toEqual([]);
  });

  it('S8: neither Math.random nor the clock decides what a secret is', async () => {
    jest.spyOn(Math, 'random').mockReturnValue(0.5);
    const now = t.clock.now();
    jest.spyOn(t.clock, 'now').mockImplementation(() => new Date(now));
    const tokens = [await t.loginToken(caller, user.id), await t.loginToken(caller, user.id)];
    expect(idOf(tokens[0]!)).not.toBe(idOf(tokens[1]!));
    const cookies = [cookieOf(await t.login(tokens[0]!)), cookieOf(await t.login(tokens[1]!))];
    expect(cookies[0]).not.toBe(cookies[1]);
  });

  it('S8: a session cookie is 256 bits that have nothing to do with the token, the user or an earlier one', async () => {
    const tokens = await Promise.all(Array.from({ length: 30 }, () => t.loginToken(caller, user.id)));
    const secrets = (await Promise.all(tokens.map((token) => t.login(token)))).map((answer) =>
      secretOf(cookieOf(answer)),
    );
    expect(secrets).toEqual(secrets.map(() => expect.stringMatching(/^[\w-]{43}$/)));
    expect(new Set(secrets).size).toBe(30);
    const derived = new Set(
      tokens.flatMap((token) => [token, token.split('.')[2]!, idOf(token), user.id, caller.id].map(hashSecret)),
    );
    expect(secrets.filter((secret) => derived.has(secret))).toEqual([]);
    const columns = Array.from({ length: 42 }, (_, i) => new Set(secrets.map((secret) => secret[i])).size);
    expect(Math.min(...columns)).toBeGreaterThan(5);
  });

  it('S8: a login token tells of its user nothing but the id', async () => {
    const { body } = await t.as(caller)(`/access/${user.id}`);
    const { header, payload } = decode(body.token);
    expect(Object.keys(header)).toEqual(['alg', 'typ', 'kid']);
    expect(Object.keys(payload).toSorted((a, b) => a.localeCompare(b))).toEqual([
      'act',
      'aud',
      'authorities',
      'client_id',
      'exp',
      'iat',
      'iss',
      'jti',
      'scope',
      'sub',
    ]);
    expect(payload.jti).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
    expect(JSON.stringify([header, payload])).not.toMatch(/wilhelmina|kuiper/i);
  });

  it('S8: the keys have 256 bits, and none signs two kinds of token', () => {
    const ring = t.nest.get(KeyRing, { strict: false });
    const [login, access] = [ring.signing('LOGIN'), ring.signing('ACCESS')];
    expect({ algorithm: login.algorithm, bytes: login.signing.symmetricKeySize }).toEqual({
      algorithm: 'HS256',
      bytes: 32,
    });
    expect({ algorithm: access.algorithm, ...access.signing.asymmetricKeyDetails }).toEqual({
      algorithm: 'ES256',
      namedCurve: 'prime256v1',
    });
    expect(access.kid).not.toBe(login.kid);
  });
});
