import { setImmediate } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Client } from 'pg';
import type { Pool } from 'pg';
import { DataSource } from 'typeorm';
import { LoginTokensService } from '../src/access/login-tokens.service.js';
import type { LoginOptions, NewLoginToken } from '../src/access/login-tokens.service.js';
import type { UserRef } from '../src/common/user-ref.js';
import { SessionsService } from '../src/sessions/live/sessions.service.js';
import type { Redemption } from '../src/sessions/live/sessions.service.js';
import type { StartedSession } from '../src/sessions/live/session.js';
import { User } from '../src/schema/entities/user.entity.js';
import { TestApp } from './support/app.js';
import { SilentProxy } from './support/silent-proxy.js';
import type { TestCaller } from './support/world.js';

const OPTIONS: LoginOptions = {
  secure: false,
  returnTo: null,
  returnOrigin: null,
  embedOrigin: null,
  embedsByDefault: false,
  delivery: 'redirect',
  existingSession: 'keep',
};
const REDEMPTION: Redemption = { isConfirmed: false, isInFrame: false, replaces: [], device: null };

let t: TestApp;
let caller: TestCaller;
let user: string;

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());
beforeEach(async () => {
  caller = await t.world.caller();
  ({ id: user } = await t.world.userOf(caller));
  // The first login of a caller needs more statements than any later one.
  await t.loginToken(caller, user);
});
afterEach(() => {
  jest.restoreAllMocks();
});

function record(ref: UserRef, options: Partial<LoginOptions> = {}): Promise<NewLoginToken | null> {
  const by = { userId: caller.id, clientId: caller.clientId };
  return t.nest.get(LoginTokensService).record(by as never, ref, { ...OPTIONS, ...options });
}

function start(id: string, redemption: Partial<Redemption> = {}): Promise<StartedSession | null> {
  return t.nest.get(SessionsService).start(id, { ...REDEMPTION, ...redemption });
}

/** Whether the cookie of a session signs in. */
async function isLive({ secret }: StartedSession): Promise<boolean> {
  return (await t.nest.get(SessionsService).find([{ secret, secure: false, embedded: false }])) !== null;
}

async function newTokens(count: number, id = user): Promise<string[]> {
  const tokens = await Promise.all(Array.from({ length: count }, () => record({ by: 'id', id })));
  return tokens.map((token) => token!.id);
}

/** How many rows of a table each transaction wrote, with the largest number first. */
async function sizesOfTransactions(table: 'login_tokens' | 'sessions', ids: string[]): Promise<number[]> {
  const rows: { size: number }[] = await t.world.write((db) =>
    db.query(
      `SELECT count(*)::int AS "size" FROM "${table}" WHERE "id" = ANY($1::uuid[]) GROUP BY "xmin"::text ORDER BY 1 DESC`,
      [ids],
    ),
  );
  return rows.map(({ size }) => size);
}

function poolOf({ nest }: TestApp): Pool {
  return (nest.get(DataSource).driver as unknown as { master: Pool }).master;
}

/** The names of the statements that were sent. */
function namesOf(query: jest.SpiedFunction<Pool['query']>): string[] {
  return query.mock.calls.map(([asked]) => (asked as unknown as { name: string }).name);
}

describe('calls of one moment', () => {
  it('are committed together, at most 64 of them', async () => {
    const tokens = await newTokens(150);
    const issued = await sizesOfTransactions('login_tokens', tokens);
    expect(issued.reduce((sum, size) => sum + size)).toBe(150);
    expect(issued.slice(0, 2)).toEqual([64, 64]);
    const sessions = await Promise.all(tokens.map((id) => start(id)));
    expect(sessions).not.toContain(null);
    expect(new Set(sessions.map((session) => session!.secret)).size).toBe(150);
    expect((await sizesOfTransactions('sessions', tokens)).slice(0, 2)).toEqual([64, 64]);
  });

  it('are decided one by one: each gets the answer that it would get alone', async () => {
    const [named, blocked, elsewhere] = await Promise.all([
      t.world.userOf(caller, { emailAddress: `in-${user}@academy.example`.toLowerCase() }),
      t.world.userOf(caller, { status: 'BLOCKED' }),
      t.world.user(),
    ]);
    const calls: { ref: UserRef; lets: string | null }[] = [
      { ref: { by: 'id', id: user }, lets: user },
      { ref: { by: 'id', id: elsewhere }, lets: null },
      { ref: { by: 'id', id: named.id }, lets: named.id },
      { ref: { by: 'id', id: blocked.id }, lets: null },
      { ref: { by: 'id', id: 'nobody' }, lets: null },
      { ref: { by: 'self' }, lets: null },
    ];
    // Often enough that all of them come together.
    const many = Array.from({ length: 20 }, () => calls).flat();
    const answers = await Promise.all(many.map(({ ref }) => record(ref)));
    expect(answers.map((answer) => answer?.userId ?? null)).toEqual(many.map(({ lets }) => lets));
    const ids = answers.flatMap((answer) => (answer ? [answer.id] : []));
    expect((await sizesOfTransactions('login_tokens', ids))[0]).toBeGreaterThan(1);
  });

  it('that are the first through their groups record those ways in together, each of them once', async () => {
    const people = await Promise.all(Array.from({ length: 20 }, () => t.world.userOf(caller)));
    const elsewhere = await t.world.user();
    // Three calls for each user, and one that is refused after them.
    const ids = people.flatMap(({ id }) => [id, id, id, elsewhere]);
    const answers = await Promise.all(ids.map((id) => record({ by: 'id', id })));
    expect(answers.map((answer) => answer?.userId ?? null)).toEqual(ids.map((id) => (id === elsewhere ? null : id)));
    const ways: { groupId: string; transaction: string }[] = await t.world.write((db) =>
      db.query(
        `SELECT "group_id" AS "groupId", "xmin"::text AS "transaction" FROM "delegations" WHERE "group_id" = ANY($1)`,
        [people.map(({ groupId }) => groupId)],
      ),
    );
    expect(ways.map(({ groupId }) => groupId).toSorted()).toEqual(people.map(({ groupId }) => groupId).toSorted());
    expect(new Set(ways.map(({ transaction }) => transaction)).size).toBeLessThan(10);
  });

  it('that name their users by e-mail address, and those with options, keep what is theirs', async () => {
    const people = await Promise.all(
      Array.from({ length: 12 }, async (_, i) => {
        const emailAddress = `n${i}-${caller.clientId}@academy.example`.toLowerCase();
        return { emailAddress, ...(await t.world.userOf(caller, { emailAddress })) };
      }),
    );
    const answers = await Promise.all(
      people.map(({ emailAddress }, i) =>
        record(
          { by: 'emailAddress', address: emailAddress },
          { returnTo: i % 3 ? `/course/${i}?a="{b}",c\\d` : null, secure: i % 2 === 0 },
        ),
      ),
    );
    expect(answers.map((answer) => answer?.userId)).toEqual(people.map(({ id }) => id));
    const sessions = await Promise.all(answers.map((answer, i) => start(answer!.id, { device: `Browser ${i}` })));
    expect(sessions.map((session) => session && { returnTo: session.returnTo, secure: session.secure })).toEqual(
      people.map((_, i) => ({ returnTo: i % 3 ? `/course/${i}?a="{b}",c\\d` : null, secure: i % 2 === 0 })),
    );
    const rows: { id: string; device: string }[] = await t.world.write((db) =>
      db.query(`SELECT "id", "device" FROM "sessions" WHERE "id" = ANY($1::uuid[])`, [answers.map((a) => a!.id)]),
    );
    const deviceOf = new Map(rows.map(({ id, device }) => [id, device]));
    expect(answers.map((answer) => deviceOf.get(answer!.id))).toEqual(people.map((_, i) => `Browser ${i}`));
  });

  it('with the same token start one session', async () => {
    const tokens = await newTokens(10);
    const calls = Array.from({ length: 60 }, (_, i) => tokens[i % tokens.length]!);
    const answers = await Promise.all(calls.map((id) => start(id)));
    const started = calls.filter((_, i) => answers[i]);
    expect(started.toSorted()).toEqual(tokens.toSorted());
    const sessions = answers.flatMap((answer) => answer ?? []);
    expect(await Promise.all(sessions.map(isLive))).not.toContain(false);
  });

  it('start the sessions that are still allowed, and no others', async () => {
    const other = await t.world.userOf(caller);
    const tokens = await newTokens(15);
    const refused = await newTokens(15, other.id);
    await t.world.write((db) => db.update(User, { id: other.id }, { status: 'BLOCKED' }));
    const calls = tokens.flatMap((id, i) => [id, refused[i]!]);
    const answers = await Promise.all(calls.map((id) => start(id)));
    expect(answers.map((answer) => answer !== null)).toEqual(calls.map((_, i) => i % 2 === 0));
    expect((await sizesOfTransactions('sessions', calls)).length).toBeLessThan(15);
  });

  it('are not refused because one of them is', async () => {
    const calls = Array.from({ length: 20 }, (_, i) => ({
      isBad: i === 7,
      // The column has room for 2048 characters.
      answer: record({ by: 'id', id: user }, i === 7 ? { returnTo: `/${'x'.repeat(3000)}` } : {}),
    }));
    const outcomes = await Promise.allSettled(calls.map(({ answer }) => answer));
    expect(outcomes.map(({ status }) => status)).toEqual(calls.map(({ isBad }) => (isBad ? 'rejected' : 'fulfilled')));
    const ids = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value!.id] : []));
    expect((await sizesOfTransactions('login_tokens', ids)).length).toBe(19);
  });

  it('do not wait for the lock that one of them waits for', async () => {
    const tokens = await newTokens(20);
    const other = new Client({ connectionString: process.env.DATABASE_URL });
    await other.connect();
    await other.query('BEGIN');
    // Another instance is about to redeem the last token.
    await other.query(
      `INSERT INTO "sessions" ("id", "secret_hash", "created_at", "last_seen_at", "ends_at") VALUES ($1, $2, 0, 0, 0)`,
      [tokens.at(-1), Buffer.alloc(32)],
    );
    const [last, ...rest] = tokens.toReversed().map((id) => start(id));
    try {
      expect(await Promise.all(rest)).not.toContain(null);
    } finally {
      await other.query('ROLLBACK');
      await other.end();
    }
    expect(await last).not.toBeNull();
  });
});

describe('a call that comes alone', () => {
  it('is sent in the same turn of the event loop, as a statement of its own', async () => {
    const query = jest.spyOn(poolOf(t), 'query');
    for (let i = 0; i < 3; i++) {
      const answer = record({ by: 'id', id: user });
      await setImmediate();
      expect(namesOf(query)).toEqual(['record_login_token_id']);
      expect(await answer).not.toBeNull();
      query.mockClear();
    }
  });
});

describe('connections that lose their answers', () => {
  it('lose nothing of a batch: each of its tokens was recorded once and starts one session', async () => {
    const url = new URL(process.env.DATABASE_URL!);
    const proxy = await SilentProxy.start({ host: url.hostname, port: Number(url.port || 5432) });
    url.host = `127.0.0.1:${proxy.port}`;
    const proxied = await TestApp.startOnSameDatabase({ DATABASE_URL: url.href });
    try {
      await proxied.call('/health');
      const query = jest.spyOn(poolOf(proxied), 'query');
      proxy.loseAnswersAfter('record_login_token_id_batch');
      const issue = (): Promise<{ status: number; body: { token: string } }> => proxied.as(caller)(`/access/${user}`);
      const issued = await Promise.all(Array.from({ length: 16 }, issue));
      expect(issued.map(({ status }) => status)).toEqual(issued.map(() => 200));
      const tokens = issued.map(({ body }) => body.token);
      proxy.loseAnswersAfter('start_session_batch');
      const logins = await Promise.all(tokens.map((token) => proxied.login(token)));
      expect(logins.map(({ status }) => status)).toEqual(tokens.map(() => 303));
      expect(namesOf(query)).toEqual(expect.arrayContaining(['record_login_token_id_batch', 'start_session_batch']));
    } finally {
      await proxy.stop();
      await proxied.nest.close();
    }
  });
});
