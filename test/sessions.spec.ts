import { decode } from './support/forge.js';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { MaintenanceService } from '../src/maintenance/maintenance.service.js';
import { AccountPermission } from '../src/schema/entities/account-permission.entity.js';
import { User } from '../src/schema/entities/user.entity.js';
import { GroupStaff } from '../src/schema/entities/group-staff.entity.js';
import { cookieOf, PUBLIC_URL, TestApp } from './support/app.js';
import type { Answer } from './support/app.js';
import type { TestCaller } from './support/world.js';

const HTML = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
const DAY = 24 * 60 * 60;

let t: TestApp;
let caller: TestCaller;
let user: string;
let group: string;

beforeAll(async () => {
  t = await TestApp.start({ LANDING_URL: '/welcome' });
});
afterAll(() => t.stop());
beforeEach(async () => {
  t.clock.reset();
  caller = await t.world.caller();
  ({ id: user, groupId: group } = await t.world.userOf(caller, { name: 'Noor de Vries' }));
});

function session(cookie: string): Promise<Answer> {
  return t.call('/session', { headers: { cookie } });
}

/** Everything that, when it is gone, takes with it what came from it. */
const LOSSES = [
  {
    of: 'the user is blocked',
    lose: () => t.world.write((db) => db.update(User, { id: user }, { status: 'BLOCKED' })),
  },
  { of: 'the user is deleted', lose: () => t.world.write((db) => db.delete(User, { id: user })) },
  { of: 'the user left the group', lose: () => t.world.leave(user, group) },
  {
    of: 'the group is deleted',
    lose: () => t.world.write((db) => db.query(`DELETE FROM "groups" WHERE "id" = '${group}'`)),
  },
  {
    of: 'the caller may only view the group',
    lose: () => t.world.write((db) => db.update(GroupStaff, { groupId: group }, { permission: 'VIEW' })),
  },
  { of: 'the caller lost the group', lose: () => t.world.write((db) => db.delete(GroupStaff, { groupId: group })) },
  {
    of: 'the caller may no longer obtain tokens',
    lose: () => t.world.write((db) => db.delete(AccountPermission, { userId: caller.id })),
  },
  {
    of: 'the caller is blocked',
    lose: () => t.world.write((db) => db.update(User, { id: caller.id }, { status: 'BLOCKED' })),
  },
  { of: 'the caller is deleted', lose: () => t.world.write((db) => db.delete(User, { id: caller.id })) },
  {
    of: 'the caller left the staff',
    lose: () => t.world.write((db) => db.update(User, { id: caller.id }, { staffOrganizationId: null })),
  },
  {
    of: 'the client is deleted',
    lose: () => t.world.write((db) => db.query(`DELETE FROM "clients" WHERE "id" = '${caller.clientId}'`)),
  },
  {
    of: 'the token is revoked',
    lose: () => t.world.revokeLoginTokens(user),
  },
];

describe('GET /login', () => {
  it('starts a session, sends the browser on without the token, and lets nobody keep the answer', async () => {
    const answer = await t.login(await t.loginToken(caller, user));
    expect({ status: answer.status, text: answer.text }).toEqual({ status: 303, text: '' });
    expect(answer.headers.get('location')).toBe('/welcome');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('referrer-policy')).toBe('no-referrer');
    expect(answer.headers.getSetCookie()).toEqual([
      expect.stringMatching(/^latchkey=[\w-]{22}\.[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/),
    ]);
    expect((await session(cookieOf(answer))).status).toBe(200);
  });

  it('takes the token as oauth_token too', async () => {
    const token = await t.loginToken(caller, user);
    expect((await t.call(`/login?oauth_token=${token}`)).status).toBe(303);
  });

  it('records by which session and when a token was redeemed', async () => {
    const token = await t.loginToken(caller, user);
    const cookie = cookieOf(await t.login(token));
    const [record] = await t.world.sessionsOfToken(decode(token).payload.jti as string);
    const { created } = (await session(cookie)).body;
    expect(record).toMatchObject({ endReason: null, hasOldCookie: false });
    expect(new Date(Number(record!.createdAt)).toISOString().slice(0, 19)).toBe(created.slice(0, 19));
  });

  it('says token_used for a token that was used, and starts nothing', async () => {
    const token = await t.loginToken(caller, user);
    await t.login(token);
    const again = await t.login(token);
    expect({ status: again.status, body: again.body }).toEqual({
      status: 410,
      body: { id: 'token_used', description: expect.any(String) },
    });
    expect(again.headers.getSetCookie()).toEqual([]);
  });

  it('says token_expired once the lifetime is over, and not before', async () => {
    const [first, second] = [await t.loginToken(caller, user), await t.loginToken(caller, user)];
    t.clock.advance(118);
    expect((await t.login(first)).status).toBe(303);
    t.clock.advance(2);
    const late = await t.login(second);
    expect({ status: late.status, id: late.body.id, cookies: late.headers.getSetCookie() }).toEqual({
      status: 410,
      id: 'token_expired',
      cookies: [],
    });
  });

  it.each([
    { of: 'no token', query: '', status: 400, id: 'missing_field' },
    { of: 'an empty token', query: '?token=', status: 401, id: 'invalid_token' },
    { of: 'garbage', query: '?token=garbage', status: 401, id: 'invalid_token' },
    { of: 'two tokens', query: '?token=a&token=b', status: 400, id: 'invalid_request' },
    { of: 'both names', query: '?token=a&oauth_token=b', status: 400, id: 'invalid_request' },
  ])('answers $id for $of', async ({ query, status, id }) => {
    const answer = await t.call(`/login${query}`, { headers: { accept: 'application/json' } });
    expect({ status: answer.status, id: answer.body.id, cookies: answer.headers.getSetCookie() }).toEqual({
      status,
      id,
      cookies: [],
    });
  });

  it.each([
    { query: 'token=a&token=b', fault: 'it has more than one token' },
    { query: 'token=a&oauth_token=b', fault: 'it has more than one token' },
    { query: 'token[]=a', fault: 'it gives the token as a list instead of a single value' },
    { query: 'oauth_token[0]=a', fault: 'it gives the token as a list instead of a single value' },
  ])('says what is wrong with ?$query', async ({ query, fault }) => {
    const { status, body } = await t.call(`/login?${query}`, { headers: { accept: 'application/json' } });
    const description = `This sign-in link is malformed: ${fault}.`;
    expect({ status, body }).toEqual({ status: 400, body: { id: 'invalid_request', description } });
  });

  it('refuses a caller’s token', async () => {
    const answer = await t.login(caller.token);
    expect({ status: answer.status, id: answer.body.id }).toEqual({ status: 401, id: 'invalid_token' });
  });

  it.each(LOSSES)('answers 401 invalid_token when $of since the token was issued', async ({ lose }) => {
    const token = await t.loginToken(caller, user);
    await lose();
    const answer = await t.login(token);
    expect({ status: answer.status, id: answer.body.id, cookies: answer.headers.getSetCookie() }).toEqual({
      status: 401,
      id: 'invalid_token',
      cookies: [],
    });
  });

  it('shows a person a page that says what to do', async () => {
    const token = await t.loginToken(caller, user);
    await t.login(token);
    const page = await t.call(`/login?token=${token}`, { headers: HTML });
    expect(page.status).toBe(410);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.text).toContain('This link was already used');
    expect(page.text).toContain('follow the link again');
    expect(page.text).toContain(page.headers.get('x-request-id')!);
    expect(page.text).not.toContain(token);
  });

  it.each([
    { of: 'garbage', token: async () => 'garbage' },
    { of: 'a token for somebody else', token: async () => t.loginToken(caller, (await t.world.userOf(caller)).id) },
    { of: 'a token for the same user', token: () => t.loginToken(caller, user) },
  ])('with a live session ignores $of and does not consume it', async ({ of, token }) => {
    const cookie = await t.signIn(caller, user);
    const value = await token();
    const answer = await t.login(value, { cookie });
    expect({
      status: answer.status,
      location: answer.headers.get('location'),
      cookies: answer.headers.getSetCookie(),
    }).toEqual({
      status: 303,
      location: '/welcome',
      cookies: [],
    });
    expect((await session(cookie)).body.user.id).toBe(user);
    expect((await t.login(value)).status).toBe(of === 'garbage' ? 401 : 303);
  });

  it('with a cookie of a session that ended starts a new one', async () => {
    const cookie = await t.signIn(caller, user);
    t.passIdleTime();
    const answer = await t.login(await t.loginToken(caller, user), { cookie });
    expect(answer.status).toBe(303);
    expect(cookieOf(answer)).not.toBe(cookie);
  });
});

describe('a session', () => {
  it('says who is signed in, who let them in, and how long', async () => {
    const cookie = await t.signIn(caller, user);
    const { status, headers, body } = await session(cookie);
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body).toEqual({
      user: {
        type: 'USER',
        id: user,
        name: 'Noor de Vries',
        realName: 'Noor de Vries',
        organization: { type: 'ORGANIZATION', id: caller.organizationId, name: 'Academy' },
        created: expect.any(String),
        memberSince: body.user.created,
        lastLogin: body.created,
        thirdPartyIds: [],
        status: 'ACTIVE',
      },
      actor: {
        type: 'USER',
        id: caller.id,
        name: 'Host system',
        clientId: caller.clientId,
        organization: { type: 'ORGANIZATION', id: caller.organizationId, name: 'Academy' },
      },
      created: expect.any(String),
      expires: expect.any(String),
    });
    expect([1799, 1800, 1801]).toContain((Date.parse(body.expires) - Date.parse(body.created)) / 1000);
  });

  it.each([{}, { cookie: 'latchkey=' }, { cookie: 'latchkey=unknown' }, { cookie: 'other=1' }])(
    'is needed for GET /session: %j is refused',
    async (headers) => {
      const answer = await t.call('/session', { headers: headers as Record<string, string> });
      expect({ status: answer.status, id: answer.body.id }).toEqual({ status: 401, id: 'not_authenticated' });
      expect(answer.headers.get('www-authenticate')).toContain('Bearer realm=');
    },
  );

  it('ends when it is not used for the idle time', async () => {
    const cookie = await t.signIn(caller, user);
    t.clock.advance(1799);
    expect((await session(cookie)).status).toBe(200);
    t.clock.advance(1799);
    expect((await session(cookie)).status).toBe(200);
    t.clock.advance(1801);
    expect((await session(cookie)).status).toBe(401);
  });

  it('lasts until the end that it has named', async () => {
    const cookie = await t.signIn(caller, user);
    t.clock.advance(50);
    const { expires } = (await session(cookie)).body;
    t.clock.advance((Date.parse(expires) - t.clock.now().getTime()) / 1000 - 1);
    expect((await session(cookie)).status).toBe(200);
  });

  it('ends after its absolute lifetime, however much it is used', async () => {
    const cookie = await t.signIn(caller, user);
    for (let used = 0; used < 43_200 - 1500; used += 1500) {
      t.clock.advance(1500);
      expect((await session(cookie)).status).toBe(200);
    }
    const { body } = await session(cookie);
    expect([43_199, 43_200, 43_201]).toContain((Date.parse(body.expires) - Date.parse(body.created)) / 1000);
    t.clock.advance(1501);
    expect((await session(cookie)).status).toBe(401);
  });

  it.each(LOSSES)('is over when $of', async ({ lose }) => {
    const cookie = await t.signIn(caller, user);
    expect((await session(cookie)).status).toBe(200);
    await lose();
    expect((await session(cookie)).status).toBe(401);
  });
});

describe('POST /logout', () => {
  it('ends the session on the server and takes the cookie away', async () => {
    const cookie = await t.signIn(caller, user);
    const answer = await t.call('/logout', { method: 'POST', headers: { cookie, origin: PUBLIC_URL } });
    expect({ status: answer.status, text: answer.text }).toEqual({ status: 204, text: '' });
    expect(answer.headers.getSetCookie().every((header) => header.includes('Max-Age=0'))).toBe(true);
    expect((await session(cookie)).status).toBe(401);
  });

  it('sends a person back to the landing page', async () => {
    const cookie = await t.signIn(caller, user);
    const answer = await t.call('/logout', {
      method: 'POST',
      headers: { ...HTML, cookie, 'sec-fetch-site': 'same-origin' },
    });
    expect({ status: answer.status, location: answer.headers.get('location') }).toEqual({ status: 303, location: '/' });
  });

  it('ends only the session of this browser', async () => {
    const [one, other] = [await t.signIn(caller, user), await t.signIn(caller, user)];
    await t.call('/logout', { method: 'POST', headers: { cookie: one, origin: PUBLIC_URL } });
    expect((await session(other)).status).toBe(200);
  });

  it('does nothing without a session', async () => {
    expect((await t.call('/logout', { method: 'POST', headers: { origin: PUBLIC_URL } })).status).toBe(204);
  });

  it.each([
    {},
    { origin: 'https://evil.example' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site', origin: PUBLIC_URL },
    { origin: 'null' },
  ])('is refused from elsewhere: %j', async (headers) => {
    const cookie = await t.signIn(caller, user);
    const answer = await t.call('/logout', {
      method: 'POST',
      headers: { cookie, ...(headers as Record<string, string>) },
    });
    expect({ status: answer.status, id: answer.body.id }).toEqual({ status: 403, id: 'not_authorized' });
    expect((await session(cookie)).status).toBe(200);
  });
});

describe('the landing page', () => {
  it('says who is signed in and who let them in, and offers to log out', async () => {
    const cookie = await t.signIn(caller, user);
    const { status, text } = await t.call('/', { headers: { ...HTML, cookie } });
    expect(status).toBe(200);
    for (const part of [
      'You are signed in',
      'Noor de Vries',
      'Host system',
      'Academy',
      '<form method="post" action="/logout">',
    ])
      expect(text).toContain(part);
  });

  it('says so when nobody is signed in', async () => {
    const { status, text } = await t.call('/', { headers: HTML });
    expect(status).toBe(200);
    expect(text).toContain('You are not signed in');
    expect(text).not.toContain('action="/logout"');
  });
});

describe('maintenance', () => {
  it('forgets tokens and their sessions after the retention time and the longest lifetime of a session', async () => {
    await t.world.allowDeletionOfLogins();
    await t.loginToken(caller, user);
    await t.signIn(caller, user);
    const count = (): Promise<number[]> =>
      Promise.all([t.world.loginTokensOf(user).then(({ length }) => length), t.world.sessionsOf(user)]);
    const maintenance = t.nest.get(MaintenanceService, { strict: false });

    t.clock.advance(400 * DAY);
    await maintenance.prune();
    expect(await count()).toEqual([2, 1]);
    t.clock.advance(DAY);
    await maintenance.prune();
    expect(await count()).toEqual([0, 0]);
  });
});
