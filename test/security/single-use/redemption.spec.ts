import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { EntityManager } from 'typeorm';
import { AuditEvent } from '../../../src/schema/entities/audit-event.entity.js';
import type { AuditEventName } from '../../../src/schema/entities/audit-events.js';
import { Client } from '../../../src/schema/entities/client.entity.js';
import { LoginToken } from '../../../src/schema/entities/login-token.entity.js';
import { createApp } from '../../../src/app/setup.js';
import { hashSecret, newSecret } from '../../../src/common/id.js';
import { toBytes } from '../../../src/common/login-id.js';
import { loadSettings } from '../../../src/config/settings.js';
import { Database } from '../../../src/database/database.js';
import { MaintenanceService } from '../../../src/maintenance/maintenance.service.js';
import { Session } from '../../../src/schema/entities/session.entity.js';
import { call, cookieOf, PUBLIC_URL, testEnvironment } from '../../support/app.js';
import type { Answer } from '../../support/app.js';
import { decode } from '../../support/forge.js';
import { Instance } from '../../support/instance.js';
import { lockSessions } from '../../support/write-lock.js';
import { INVALID, SIGNED_IN, USED, caller, idOf, isPostgres, outcomeOf, secretOf, setUp, t, user } from './setup.js';

setUp();

/** The sessions that a token started. */
function sessionsOf(token: string): Promise<Session[]> {
  return t.world.sessionsOfToken(idOf(token));
}

function redeemAt(base: string, token: string): Promise<Answer> {
  return insist(() => call(base, `/login?token=${token}`, { headers: { accept: 'application/json' } }));
}

async function isSignedIn(base: string, cookie: string): Promise<boolean> {
  const { status } = await insist(() => call(base, '/session', { headers: { cookie } }));
  return status === 200;
}

/** Asks again after a 503, as its Retry-After says: many requests at once may take a slow machine too long. */
async function insist(ask: () => Promise<Answer>): Promise<Answer> {
  const answer = await ask();
  return answer.status === 503 ? insist(ask) : answer;
}

/** The hash of a cookie's secret, as it is stored. */
function hashOf(cookie: string): Buffer {
  return Buffer.from(hashSecret(secretOf(cookie).split('.')[1]!), 'base64url');
}

/** What a visitor sees of an answer: all of it but what is new in each. */
function faceOf({ status, headers, text }: Answer): string {
  const seen = [...headers].filter(([name]) => !['x-request-id', 'date', 'connection', 'keep-alive'].includes(name));
  return JSON.stringify({ status, headers: seen, text });
}

const EXPIRED = { status: 410, id: 'token_expired', cookies: 0 };

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
    expect(await recorded('SESSION_REFUSED')).toBe(99);
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

  it('S1: of 10,000 redemptions, twenty of each token, one of each starts a session, also where it leads to an application', async () => {
    const [site, application] = ['https://site.example', 'https://app.example'];
    const host = await t.world.caller({ origins: [site, application] });
    const wiki = await t.world.client(host.organizationId, application);
    await t.world.write((db) => db.update(Client, { id: wiki }, { initiateLoginUri: `${application}/begin` }));
    for (let round = 0; round < 100; round++) {
      const { id } = await t.world.userOf(host);
      const targets = Array.from({ length: 5 }, (_, i) => `${i % 2 === 0 ? application : site}/page/${i}`);
      const tokens = await Promise.all(targets.map((target) => t.loginToken(host, id, `?returnTo=${target}`)));
      const answers = await Promise.all(
        tokens.map((token) => Promise.all(Array.from({ length: 20 }, (_, i) => redeemAt(urlOf(i + round), token)))),
      );
      const beginning = (target: string): string =>
        `${application}/begin?${new URLSearchParams({ iss: PUBLIC_URL, target_link_uri: target, login_hint: id })}`;
      const won = answers.map((some) => some.filter(({ status }) => status === 303));
      expect(won.map((some) => some.map(({ headers }) => headers.get('location')))).toEqual(
        targets.map((target) => [target.startsWith(application) ? beginning(target) : target]),
      );
      const lost = answers.flat().filter(({ status }) => status !== 303);
      expect(lost.map(outcomeOf)).toEqual(Array(95).fill(USED));
      expect((await t.world.sessionsOfUser(id)).length).toBe(5);
    }
  }, 900_000);

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
function query(sql: string, ...parameters: (string | Buffer)[]): (db: EntityManager) => Promise<unknown> {
  return (db) => db.query(isPostgres ? sql : sql.replaceAll(/\$\d/g, '?'), parameters);
}

/** Runs without the trigger that protects the table from our own mistakes. */
function unprotected(
  from: 'update' | 'delete',
  work: (db: EntityManager) => Promise<unknown>,
): (db: EntityManager) => Promise<unknown> {
  return async (db) => {
    await db.query(`DROP TRIGGER IF EXISTS "login_tokens_${from}"${isPostgres ? ' ON "login_tokens"' : ''}`);
    await work(db);
  };
}

function expire(id: string): (db: EntityManager) => Promise<unknown> {
  return unprotected('update', query('UPDATE "login_tokens" SET "expires_at" = 1 WHERE "id" = $1', toBytes(id)));
}

describe('S2: the statement that consumes', () => {
  it.each([
    {
      what: 'the token expires',
      change: (id: string) => expire(id),
      outcome: EXPIRED,
    },
    {
      what: 'the token is revoked',
      change: (id: string) => query('UPDATE "login_tokens" SET "revoked_at" = 1 WHERE "id" = $1', toBytes(id)),
      outcome: INVALID,
    },
    {
      what: 'the record of the token goes',
      change: (id: string) => unprotected('delete', query('DELETE FROM "login_tokens" WHERE "id" = $1', toBytes(id))),
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
    expect((await sessionsOf(token)).map(({ secretHash }) => secretHash)).toEqual([hashOf(cookieOf(other!))]);
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
      db.insert(Session, { ...session!, secretHash: Buffer.from(hashSecret(newSecret()), 'base64url') }),
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
      const record = (): Promise<LoginToken | null> => t.world.loginToken(idOf(token));
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
  beforeAll(() => t.world.allowDeletionOfLogins());

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
      statuses[1] === 410 ? [hashOf(cookie)] : [],
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
    t.clock.advance(401 * DAY);
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
      expect(await sessionsOf(body.token)).toHaveLength((await t.world.loginToken(idOf(body.token))) ? 1 : 0);
    } finally {
      await short.close();
    }
  });
});
