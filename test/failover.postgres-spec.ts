import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CallerTokensService } from '../src/clients/caller-tokens.service.js';
import { AuditEvent } from '../src/schema/entities/audit-event.entity.js';
import { GeneralRevocation } from '../src/schema/entities/general-revocation.entity.js';
import { call, cookieOf, TestApp } from './support/app.js';
import type { Answer } from './support/app.js';
import { Instance } from './support/instance.js';
import { LoginLoad } from './support/login-load.js';
import type { LoadAnswer, Login } from './support/login-load.js';
import { PostgresPair } from './support/postgres-pair.js';
import type { TestCaller } from './support/world.js';

/** Logins a second. docs/operations.md has the figures for 500. */
const RATE = Number(process.env.FAILOVER_RATE ?? 40);
const SETTLING_MS = 2_000;
/** Milliseconds in which the standby is read-only, before it is promoted. */
const READ_ONLY_MS = 4_000;

let pair: PostgresPair;
let t: TestApp;
let instance: Instance;
/** That of the database. */
let name: string;
let caller: TestCaller;
let user: string;
let load: LoginLoad;
/** What the server said of its health, four times a second. */
let healths: LoadAnswer[];
let watching: NodeJS.Timeout;

async function startPair(options: { isSynchronous: boolean }): Promise<void> {
  pair = await PostgresPair.start(options);
  name = new URL(process.env.DATABASE_URL!).pathname.slice(1);
  process.env.TEST_POSTGRES = pair.primary.urlOf('postgres');
  process.env.DATABASE_URL = pair.primary.urlOf(name);
  t = await TestApp.start();
  caller = await t.world.caller();
  ({ id: user } = await t.world.userOf(caller));
  // The standby is named first: it takes no writes, so the primary counts.
  const DATABASE_URL = pair.urlOf(name).replace(/@(.*),(.*)\//, '@$2,$1/');
  // With synchronous replication nothing gets lost.
  instance = await Instance.start({ DATABASE_URL, ...(options.isSynchronous ? { FAILOVER: 'trust' } : {}) });
}

async function begin(options: { isSynchronous: boolean }): Promise<void> {
  await startPair(options);
  load = new LoginLoad(instance.url, { token: caller.token, user }, RATE);
  healths = [];
  watching = setInterval(() => void watch(), 250);
}

async function watch(): Promise<void> {
  const startedAt = performance.now();
  const { status } = await call(instance.url, '/health');
  healths.push({ what: 'issue', status, startedAt, endedAt: performance.now() });
}

/** Lets the tests use the server that has taken over. */
function useStandby(): void {
  process.env.TEST_POSTGRES = pair.standby.urlOf('postgres');
  process.env.DATABASE_URL = pair.standby.urlOf(name);
}

const environment = { ...process.env };
beforeEach(() => {
  Object.assign(process.env, environment);
});
afterEach(async () => {
  clearInterval(watching);
  await instance?.stop('SIGKILL');
  await t?.stop();
  await pair?.stop();
});

/** Every answer is right or says that the database is away, and then when to try again. */
function expectGood(answers: LoadAnswer[]): void {
  const kinds = new Set(answers.map(({ what, status, retryAfter = '-' }) => `${what} ${status} ${retryAfter}`));
  const known = new Set(['issue 200 -', 'redeem 303 -', 'issue 503 2', 'redeem 503 2']);
  expect([...kinds].filter((kind) => !known.has(kind))).toEqual([]);
}

function between(answers: LoadAnswer[], from: number, to: number): LoadAnswer[] {
  return answers.filter(({ startedAt, endedAt }) => startedAt >= from && endedAt <= to);
}

function statusesOf(answers: LoadAnswer[]): number[] {
  return [...new Set(answers.map(({ status }) => status))];
}

/** Redeems each token once more, and asks for each session. Returns what is not as it was answered. */
async function wrongOnes(logins: Login[]): Promise<unknown[]> {
  const wrong: unknown[] = [];
  const remaining = [...logins];
  const check = async (): Promise<void> => {
    for (let login = remaining.pop(); login; login = remaining.pop()) {
      const { token, cookie } = login;
      const again = await call(instance.url, `/login?token=${token}`, { headers: { accept: 'application/json' } });
      const session = cookie && (await call(instance.url, '/session', { headers: { cookie } })).status;
      // A redemption without an answer may have happened. Then its token counts as used.
      const isRight = cookie ? again.body?.id === 'token_used' && session === 200 : [303, 410].includes(again.status);
      if (!isRight) wrong.push({ isRedeemed: cookie !== undefined, again: again.status, id: again.body?.id, session });
    }
  };
  await Promise.all(Array.from({ length: 8 }, check));
  return wrong;
}

function report(text: string): void {
  if (process.env.FAILOVER_RATE) process.stdout.write(`${text}\n`);
}

function count(answers: LoadAnswer[]): string {
  const counts = new Map<string, number>();
  for (const { what, status } of answers) counts.set(`${what} ${status}`, (counts.get(`${what} ${status}`) ?? 0) + 1);
  return [...counts].map(([kind, number]) => `${number} × ${kind}`).join(', ');
}

describe('the primary is killed under load, and the standby takes over', () => {
  it('with synchronous replication: nothing answered is lost, nothing is redeemed twice, and no answer is 500', async () => {
    await begin({ isSynchronous: true });
    await setTimeout(SETTLING_MS);
    const killedAt = performance.now();
    await pair.primary.kill();
    await setTimeout(READ_ONLY_MS);
    const promotedAt = performance.now();
    await pair.standby.query('SELECT pg_promote()');
    while (
      !load.answers.some(({ what, status, startedAt }) => what === 'redeem' && status === 303 && startedAt > promotedAt)
    )
      await setTimeout(20);
    const backAt = performance.now();
    await setTimeout(SETTLING_MS);
    await load.stop();
    clearInterval(watching);
    useStandby();
    const before = between(load.answers, 0, killedAt);
    const away = between(load.answers, killedAt + 2_000, promotedAt);
    const slowest = Math.max(...load.answers.map((one) => one.endedAt - one.startedAt));
    report(
      `${RATE} logins/s: ${count(load.answers)}; back ${(backAt - promotedAt).toFixed()} ms after the promotion; slowest answer ${slowest.toFixed()} ms`,
    );
    expectGood(load.answers);
    expect(statusesOf(before)).toEqual(expect.arrayContaining([200, 303]));
    expect(statusesOf(before)).toHaveLength(2);
    expect(statusesOf(away)).toEqual([503]);
    expect(statusesOf(between(healths, killedAt + 2_500, promotedAt))).toEqual([503]);
    expect((await call(instance.url, '/health')).status).toBe(200);
    expect(load.logins.filter(({ cookie }) => cookie).length).toBeGreaterThan(RATE);
    expect(await wrongOnes(load.logins)).toEqual([]);
  }, 90_000);
});

describe('a database that is killed and starts again', () => {
  it('loses nothing that was answered, and no answer is 500', async () => {
    await begin({ isSynchronous: false });
    for (let i = 0; i < 3; i++) {
      await setTimeout(SETTLING_MS);
      await pair.primary.kill();
      await pair.primary.start();
    }
    const backAt = performance.now();
    await setTimeout(SETTLING_MS);
    await load.stop();
    report(`restarts: ${count(load.answers)}`);
    expectGood(load.answers);
    expect(statusesOf(between(load.answers, backAt + 1_000, Infinity))).toEqual(expect.arrayContaining([200, 303]));
    expect(await wrongOnes(load.logins)).toEqual([]);
  }, 90_000);
});

function redeem({ url }: { url: string }, token: string): Promise<Answer> {
  return call(url, `/login?token=${token}`, { headers: { accept: 'application/json' } });
}

function session({ url }: { url: string }, cookie: string): Promise<Answer> {
  return call(url, '/session', { headers: { cookie } });
}

/** Asks with the access token of the caller who they are. */
function self({ url }: { url: string }): Promise<Answer> {
  return call(url, '/api/2.1.1/user', { headers: { authorization: `Bearer ${caller.token}` } });
}

/** Asks until the database is there again, and everything on it is dealt with. */
async function whenBack(ask: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    const answer = await ask();
    if (answer.status !== 503) return answer;
    await setTimeout(20);
  }
}

describe('a standby with asynchronous replication that has missed redemptions takes over', () => {
  let idle: Instance | undefined;
  let later: TestApp | undefined;
  afterEach(async () => {
    await later?.nest.close();
    await idle?.stop('SIGKILL');
  });

  it('S40: all of before is void on every instance, before anything on it counts', async () => {
    await startPair({ isSynchronous: false });
    idle = await Instance.start({ DATABASE_URL: pair.urlOf(name) });
    const kept = await t.signIn(caller, user);
    const [first, second] = [await t.loginToken(caller, user), await t.loginToken(caller, user)];
    await setTimeout(SETTLING_MS);
    await pair.standby.stop();
    const redeemed = await redeem(instance, first);
    expect([redeemed.status, (await session(instance, kept)).status]).toEqual([303, 200]);
    await pair.primary.kill();
    await pair.standby.start();
    await pair.standby.query('SELECT pg_promote()');
    const asked = [
      () => redeem(instance, first),
      () => redeem(instance, second),
      () => session(instance, kept),
      () => session(instance, cookieOf(redeemed)),
      () => self(instance),
    ];
    expect((await Promise.all(asked.map(whenBack))).map(({ status }) => status)).toEqual([401, 401, 401, 401, 401]);
    const elsewhere = [
      () => redeem(idle!, first),
      () => redeem(idle!, second),
      () => session(idle!, kept),
      () => self(idle!),
    ];
    expect((await Promise.all(elsewhere.map(whenBack))).map(({ status }) => status)).toEqual([401, 401, 401, 401]);

    useStandby();
    later = await TestApp.startOnSameDatabase();
    const revocations = await later.world.write((db) => db.count(GeneralRevocation));
    const events = await later.world.write((db) => db.findBy(AuditEvent, { event: 'ALL_REVOKED' }));
    expect([revocations, [...new Set(events.map(({ details }) => details))]]).toEqual([1, ['{"reason":"FAILOVER"}']]);
    const token = await later.nest
      .get(CallerTokensService, { strict: false })
      .mint({ by: 'id', id: caller.id }, 3600, caller.clientId);
    const fresh = await later.loginToken({ ...caller, token }, user);
    expect((await redeem(idle, fresh)).status).toBe(303);
    expect((await call(instance.url, '/health')).status).toBe(200);
  }, 90_000);
});
