import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Database } from '../../src/database/database.js';
import { PROXIES } from '../support/asking-proxies.js';
import { TestApp } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { SilentProxy } from '../support/silent-proxy.js';
import type { TestCaller } from '../support/world.js';

/** Milliseconds within which everything is answered, whatever happens to the database; and a little for the test itself. */
const LIMIT_MS = 5_000 + 300;
const WORKERS = 4;

/** How long the server keeps a session whose client is gone, in milliseconds. */
const SESSION_MS = 10_000 + 2_000;

let t: TestApp;
let proxied: TestApp;
let proxy: SilentProxy;
let caller: TestCaller;
let user: string;
let cookie: string;

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());
beforeEach(async () => {
  // It says so each time.
  jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
  const url = new URL(process.env.DATABASE_URL!);
  proxy = await SilentProxy.start({ host: url.hostname, port: Number(url.port || 5432) });
  url.host = `127.0.0.1:${proxy.port}`;
  proxied = await TestApp.startOnSameDatabase({
    DATABASE_URL: url.href,
    TRUSTED_PROXIES: '127.0.0.1',
    LOG_LEVEL: 'error',
  });
  caller = await t.world.caller();
  ({ id: user } = await t.world.userOf(caller));
  cookie = await t.signIn(caller, user);
});
afterEach(async () => {
  await proxy.stop();
  await proxied.nest.close();
  jest.restoreAllMocks();
});

interface Outcome {
  what: string;
  status: number;
  retryAfter: string | null;
  startedAt: number;
  tookMs: number;
}

/** What hosts, visitors and proxies ask of the service all the time, until it is stopped. */
class Load {
  readonly outcomes: Outcome[] = [];
  private isRunning = true;
  private readonly workers: Promise<unknown>;

  constructor() {
    const kinds: (() => Promise<void>)[] = [
      () => this.timed('access', proxied.as(caller)(`/access/${user}`)),
      () => this.redeem(),
      () => this.timed('forward-auth', PROXIES.nginx(proxied.url, { headers: { cookie } })),
      () => this.timed('health', proxied.call('/health')),
    ];
    this.workers = Promise.all(
      kinds.flatMap((work) =>
        Array.from({ length: WORKERS }, async () => {
          while (this.isRunning) {
            await work();
            await setTimeout(20);
          }
        }),
      ),
    );
  }

  /** Answers everything that was answered. */
  async stop(): Promise<Outcome[]> {
    this.isRunning = false;
    await this.workers;
    return this.outcomes;
  }

  private async redeem(): Promise<void> {
    // Another instance hands it out, whose database answers.
    const token = await t.loginToken(caller, user);
    await this.timed('redemption', proxied.login(token));
  }

  private async timed(what: string, answer: Promise<Answer>): Promise<void> {
    const startedAt = performance.now();
    const { status, headers } = await answer;
    const tookMs = performance.now() - startedAt;
    this.outcomes.push({ what, status, retryAfter: headers.get('retry-after'), startedAt, tookMs });
  }
}

/** The processes of PostgreSQL that serve this database, but for the one that says so. */
async function sessionsOfServer(): Promise<number[]> {
  const rows: { pid: number }[] = await t.world.write((db) =>
    db.query(`SELECT "pid" FROM "pg_stat_activity" WHERE "datname" = current_database() AND "pid" <> pg_backend_pid()`),
  );
  return rows.map(({ pid }) => pid);
}

async function limitOfTransaction(db: EntityManager): Promise<string> {
  const [row] = await db.query(`SELECT current_setting('transaction_timeout') AS "is"`);
  return (row as { is: string }).is;
}

const GOOD: Record<string, number> = { access: 200, redemption: 303, 'forward-auth': 200, health: 200 };

function bad(outcomes: Outcome[]): Outcome[] {
  return outcomes.filter(({ what, status }) => status !== GOOD[what]);
}

function slowest(outcomes: Outcome[]): number {
  return Math.max(...outcomes.map(({ tookMs }) => tookMs));
}

describe('S39: connections to the database that go silent', () => {
  it.each([
    { which: 'one', silence: () => proxy.silence(1) },
    { which: 'all that there are', silence: () => proxy.silence() },
  ])(
    'S39: $which while new ones work: everything is answered as ever, and nobody waits for long',
    async ({ silence }) => {
      const load = new Load();
      await setTimeout(1_000);
      expect(silence()).toBeGreaterThan(0);
      await setTimeout(6_000);
      const outcomes = await load.stop();
      expect(new Set(outcomes.map(({ what }) => what))).toEqual(new Set(Object.keys(GOOD)));
      expect(bad(outcomes)).toEqual([]);
      expect(slowest(outcomes)).toBeLessThan(LIMIT_MS);
    },
  );

  it('S39: all, and new ones too: everything is answered with 503 within 5 s, and as ever within 5 s after it is over', async () => {
    const load = new Load();
    await setTimeout(1_000);
    proxy.silenceAll();
    const silentAt = performance.now();
    // So long that each kind of request, one after the other, begins at least once in between.
    await setTimeout(14_000);
    proxy.recover();
    const recoveredAt = performance.now();
    await setTimeout(8_000);
    const outcomes = await load.stop();
    expect(slowest(outcomes)).toBeLessThan(LIMIT_MS);
    // What is remembered of visitors and callers is believed a little longer.
    const inBetween = outcomes.filter(
      ({ startedAt }) => startedAt > silentAt + 2_000 && startedAt < recoveredAt - 5_000,
    );
    expect(new Set(inBetween.map(({ what, status, retryAfter }) => `${what} ${status} ${retryAfter}`))).toEqual(
      new Set(Object.keys(GOOD).map((what) => `${what} 503 2`)),
    );
    const after = outcomes.filter(({ startedAt }) => startedAt > recoveredAt + 5_000);
    expect(new Set(after.map(({ what }) => what))).toEqual(new Set(Object.keys(GOOD)));
    expect(bad(after)).toEqual([]);
  }, 60_000);

  it('S39: a token that was recorded or redeemed when its answer got lost is not lost with it', async () => {
    const token = await t.loginToken(caller, user);
    // The connection that is used has just been.
    await proxied.call('/session', { headers: { cookie } });
    proxy.loseAnswers();
    const [access, login] = await Promise.all([proxied.as(caller)(`/access/${user}`), proxied.login(token)]);
    expect([access.status, login.status]).toEqual([200, 303]);
    expect((await t.login(access.body.token)).status).toBe(303);
    expect((await t.login(token)).body.id).toBe('token_used');
  });

  it('S39: a transaction whose connection goes silent is refused within 5 s, and keeps nobody out', async () => {
    const admin = await t.world.caller({ permissions: ['MANAGE_USERS'] });
    const target = await t.world.user({ organizationId: admin.organizationId });
    await proxied.call('/session', { headers: { cookie } });
    proxy.silence();
    const startedAt = performance.now();
    const answers = await Promise.all(
      Array.from({ length: 5 }, (_, i) => proxied.send(admin, 'PUT', `/user/${target}`, { name: `Name ${i}` })),
    );
    expect(performance.now() - startedAt).toBeLessThan(LIMIT_MS);
    for (const { status } of answers) expect([200, 503]).toContain(status);
    expect((await proxied.send(admin, 'PUT', `/user/${target}`, { name: 'At last' })).status).toBe(200);
  });

  it('S39: a transaction that breaks off in the middle of a message keeps nobody out for longer than 5 s', async () => {
    const admin = await t.world.caller({ permissions: ['MANAGE_USERS'] });
    const target = await t.world.user({ organizationId: admin.organizationId });
    // The server waits for the rest of it, and holds the locks of what it has been told before.
    proxy.breakOffAfter('INSERT INTO "user_search_terms"');
    const { status } = await proxied.send(admin, 'PUT', `/user/${target}`, { name: 'Half a name' });
    expect(status).toBe(503);
    const brokenOffAt = performance.now();
    while ((await t.send(admin, 'PUT', `/user/${target}`, { name: 'Whole' })).status !== 200)
      expect(performance.now() - brokenOffAt).toBeLessThan(LIMIT_MS);
  });

  it('S39: connections that go silent again and again: also what asks several statements is answered within 5 s', async () => {
    const admin = await t.world.caller({ permissions: ['MANAGE_USERS', 'VIEW_AUDIT_LOG'] });
    const target = await t.world.user({ organizationId: admin.organizationId });
    const asked = [
      ...Array.from(
        { length: 2 },
        (_, i) => () => proxied.send(admin, 'PUT', `/user/${target}`, { name: `Name ${i}` }),
      ),
      () => proxied.as(admin)(`/user/${target}`),
      () => proxied.as(admin)('/audit'),
    ];
    const outcomes: { status: number; retryAfter: string | null; tookMs: number }[] = [];
    const over = new AbortController();
    const workers = Promise.all(
      asked.map(async (ask) => {
        while (!over.signal.aborted) {
          const startedAt = performance.now();
          const { status, headers } = await ask();
          const tookMs = performance.now() - startedAt;
          outcomes.push({ status, retryAfter: headers.get('retry-after'), tookMs });
          await setTimeout(20);
        }
      }),
    );
    for (let i = 0; i < 14; i++) {
      await setTimeout(700);
      proxy.silence();
    }
    over.abort();
    await workers;
    expect(Math.max(...outcomes.map(({ tookMs }) => tookMs))).toBeLessThan(LIMIT_MS);
    for (const { status } of outcomes) expect([200, 503]).toContain(status);
    for (const { status, retryAfter } of outcomes) expect(retryAfter).toBe(status === 503 ? '2' : null);
    // A transaction that ran out of time is undone, and its connection is thrown away.
    expect((await proxied.send(admin, 'PUT', `/user/${target}`, { name: 'At last' })).status).toBe(200);
  }, 30_000);

  it('S39: sessions whose client went silent take no place in the server for long', async () => {
    await Promise.all(Array.from({ length: 5 }, () => proxied.call('/session', { headers: { cookie } })));
    const opened = await sessionsOfServer();
    proxy.silence();
    await setTimeout(SESSION_MS);
    const left = await sessionsOfServer();
    expect(left.filter((pid) => opened.includes(pid))).toEqual([]);
  }, 30_000);

  it('S39: the session of a failed transaction whose client went silent takes no place for long either', async () => {
    let pid = 0;
    const transaction = proxied.nest.get(Database).transaction(async (db) => {
      [{ pid }] = (await db.query('SELECT pg_backend_pid() AS "pid"')) as [{ pid: number }];
      await expect(db.query('SELECT 1 / 0')).rejects.toThrow('division by zero');
      proxy.silence();
      await setTimeout(LIMIT_MS + 1_000);
    });
    await expect(transaction).rejects.toBeInstanceOf(Error);
    expect(pid).toBeGreaterThan(0);
    expect(await sessionsOfServer()).not.toContain(pid);
  }, 30_000);

  it('S39: a transaction has an end in the server as a whole, unless nobody waits for it', async () => {
    const database = t.nest.get(Database);
    expect(await database.transaction(limitOfTransaction)).toBe('5s');
    expect(await database.transaction(limitOfTransaction, { isLong: true })).toBe('0');
  });
});
