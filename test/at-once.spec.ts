import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { BearerGuard } from '../src/auth/bearer.guard.js';
import { TestApp } from './support/app.js';
import type { Answer } from './support/app.js';
import type { TestCaller } from './support/world.js';

let t: TestApp;
let caller: TestCaller;
let auditor: TestCaller;
let user: string;
/** Called once for each request that the framework answers. */
let framework: jest.SpiedFunction<BearerGuard['canActivate']>;

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());

beforeEach(async () => {
  caller = await t.world.caller();
  auditor = await t.world.caller({ organizationId: caller.organizationId, permissions: ['VIEW_AUDIT_LOG'] });
  ({ id: user } = await t.world.userOf(caller));
  // The token is known from now on.
  await t.as(caller)('/user/self');
  framework = jest.spyOn(BearerGuard.prototype, 'canActivate');
});
afterEach(() => {
  jest.restoreAllMocks();
});

/** Whether the framework had any part in the answer to a request. */
async function seen(call: () => Promise<Answer>): Promise<{ answer: Answer; byFramework: boolean }> {
  framework.mockClear();
  return { answer: await call(), byFramework: framework.mock.calls.length > 0 };
}

/** What two answers of one kind have in common: everything but the ID, the instant, and what is random. */
function formOf({ status, headers, body }: Answer): object {
  const {
    date,
    'x-request-id': id,
    'content-length': length,
    'set-cookie': cookie,
    ...rest
  } = Object.fromEntries(headers);
  const known = { date: date !== undefined, id: /^[\da-f-]{36}$/.test(id!), length: length !== undefined };
  return { status, ...rest, ...known, cookie: cookie?.replace(/=[^;]+/, ''), members: Object.keys(body ?? {}) };
}

async function refusals(): Promise<unknown[]> {
  const { body } = await t.as(auditor)(`/audit?user=${user}`);
  return body.events.filter(({ event }: { event: string }) => event.endsWith('_REFUSED'));
}

describe('an access call', () => {
  it('of a known caller has the same answer at once as from the framework', async () => {
    const early = await seen(() => t.as(caller)(`/access/${user}`));
    const usual = await seen(() => t.as(caller)(`/access/${user}?delivery=redirect`));
    expect([early.byFramework, usual.byFramework]).toEqual([false, true]);
    expect(formOf(early.answer)).toEqual(formOf(usual.answer));
    expect(await t.login(early.answer.body.token)).toMatchObject({ status: 303 });
  });

  it('that is refused goes on in the framework, and is decided and recorded once', async () => {
    await t.world.write((db) => db.query(`DELETE FROM "memberships" WHERE "user_id" = '${user}'`));
    const early = await seen(() => t.as(caller)(`/access/${user}`));
    expect(early.byFramework).toBe(true);
    expect(await refusals()).toHaveLength(1);
    const usual = await seen(() => t.as(caller)(`/access/${user}?delivery=redirect`));
    expect(formOf(early.answer)).toEqual(formOf(usual.answer));
    expect(early.answer.body).toEqual(usual.answer.body);
    expect(await refusals()).toHaveLength(2);
  });

  it.each([
    ['that a page of another site makes', { origin: 'https://elsewhere.test' }],
    ['with a token that is not known', { authorization: 'Bearer unknown' }],
    ['without a token', { authorization: '' }],
  ])('%s is left to the framework', async (_, headers) => {
    expect(await seen(() => t.as(caller)(`/access/${user}`, { headers }))).toMatchObject({ byFramework: true });
  });

  it.each(['?security=ssl', '/', '%20'])('whose address ends in %s is left to the framework', async (end) => {
    expect(await seen(() => t.as(caller)(`/access/${user}${end}`))).toMatchObject({ byFramework: true });
  });
});

describe('a sign-in link', () => {
  it('in a browser without a session has the same answer at once as from the framework', async () => {
    const [one, other] = [await t.loginToken(caller, user), await t.loginToken(caller, user)];
    const early = await seen(() => t.call(`/login?token=${one}`));
    const usual = await seen(() => t.call(`/login?oauth_token=${other}`));
    expect([early.byFramework, usual.byFramework]).toEqual([false, true]);
    expect(formOf(early.answer)).toEqual(formOf(usual.answer));
  });

  it('that was used goes on in the framework, and is decided and recorded once', async () => {
    const token = await t.loginToken(caller, user);
    await t.login(token);
    const early = await seen(() => t.call(`/login?token=${token}`));
    expect(early).toMatchObject({ byFramework: true, answer: { status: 410 } });
    expect(await refusals()).toHaveLength(1);
    const usual = await t.call(`/login?oauth_token=${token}`);
    expect(formOf(early.answer)).toEqual(formOf(usual));
  });

  it.each([
    ['that waits for its visitor', '?delivery=link', {}, 200],
    ['in a browser with a session', '', 'session', 303],
    ['that is prefetched', '', { 'sec-purpose': 'prefetch' }, 400],
  ] as const)('%s goes on in the framework', async (_, query, given, status) => {
    const headers = given === 'session' ? { cookie: await t.signIn(caller, user) } : given;
    const token = await t.loginToken(caller, user, query);
    const found = await seen(() => t.call(`/login?token=${token}`, { headers }));
    expect(found).toMatchObject({ byFramework: true, answer: { status } });
  });
});
