import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { In } from 'typeorm';
import { AuditEvent } from '../src/schema/entities/audit-event.entity.js';
import { createApp } from '../src/app/setup.js';
import { loadSettings, Settings } from '../src/config/settings.js';
import { call, cookieOf, outcome, TestApp, testEnvironment } from './support/app.js';
import type { Answer } from './support/app.js';
import { decode } from './support/forge.js';
import type { TestCaller } from './support/world.js';

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0';
const SAME_ORIGIN = { 'sec-fetch-site': 'same-origin' };
/** The longest that an instance may go on with what another has taken away, in milliseconds. */
const STALENESS = 2000;

let t: TestApp;
let admin: TestCaller;
let host: TestCaller;
let user: string;
let groupId: string;

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());
beforeEach(async () => {
  t.clock.reset();
  admin = await t.world.caller({ permissions: ['MANAGE_USERS'] });
  host = await t.world.caller({ organizationId: admin.organizationId });
  ({ id: user, groupId } = await t.world.userOf(host));
});

/** The cookie of a browser that `userAgent` describes. */
async function signIn(userAgent = FIREFOX, person = user): Promise<string> {
  return cookieOf(await t.login(await t.loginToken(host, person), { 'user-agent': userAgent }));
}

function list(what: 'sessions' | 'access-tokens', query = '', caller = admin): Promise<Answer> {
  return t.as(caller)(`/${what}?${query}`);
}

async function idsOf(what: 'sessions' | 'access-tokens', query = ''): Promise<string[]> {
  const { body } = await list(what, query);
  return (body.sessions ?? body.accessTokens).map(({ id }: { id: string }) => id);
}

function remove(path: string, caller = admin): Promise<Answer> {
  return t.as(caller)(path, { method: 'DELETE' });
}

async function isLive(cookie: string, url = t.url): Promise<boolean> {
  return (await call(url, '/session', { headers: { cookie } })).status === 200;
}

const INSTANT = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);

function actor(): object {
  return {
    type: 'USER',
    id: host.id,
    name: 'Host system',
    clientId: host.clientId,
    organization: { type: 'ORGANIZATION', id: host.organizationId, name: 'Academy' },
  };
}

describe('GET sessions', () => {
  it('shows a live session with its user, who let them in and the browser, and nothing that opens it', async () => {
    const cookie = await signIn();
    const { status, body, text } = await list('sessions');
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        sessions: [
          {
            id: expect.stringMatching(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/),
            user: { id: user, name: 'Noor de Vries' },
            actor: actor(),
            device: 'Firefox on Linux',
            created: INSTANT,
            lastSeen: INSTANT,
            expires: INSTANT,
          },
        ],
        pagination: { total: 1, lastOnPage: expect.any(String), moreAvailable: false },
      },
    });
    expect(text).not.toContain(cookie.split('=')[1]);
  });

  it('leaves out a session that has ended, is idle for too long, or has lost what it came from', async () => {
    const [loggedOut, live] = [await signIn(), await signIn()];
    await t.call('/logout', { method: 'POST', headers: { cookie: loggedOut, ...SAME_ORIGIN } });
    expect(await idsOf('sessions')).toHaveLength(1);
    t.clock.advance(1700);
    expect(await isLive(live)).toBe(true);
    t.clock.advance(1000);
    expect(await idsOf('sessions')).toHaveLength(1);
    await t.world.leave(user, groupId);
    expect(await idsOf('sessions')).toEqual([]);
    await t.world.join(user, groupId);
    t.clock.advance(900);
    expect(await idsOf('sessions')).toEqual([]);
  });

  it('finds those of one user, by any reference', async () => {
    const code = await t.world.thirdParty(admin.organizationId);
    const other = await t.world.user({ organizationId: admin.organizationId, thirdPartyId: [code, '7'] });
    await t.world.join(other, groupId);
    await signIn();
    await signIn(FIREFOX, other);
    const [mine, others] = [await idsOf('sessions', `user=${user}`), await idsOf('sessions', `user=${code}$7`)];
    expect([mine.length, others.length]).toEqual([1, 1]);
    expect((await idsOf('sessions')).toSorted()).toEqual([...mine, ...others].toSorted());
  });

  it('shows each session once, page by page, the latest first, while others come and go', async () => {
    for (let i = 0; i < 7; i++) {
      t.clock.advance(1);
      await signIn();
    }
    const all = await idsOf('sessions');
    const seen: string[] = [];
    for (let from = '', more = true; more;) {
      const { body } = await list('sessions', `resultSize=2&${from && `resultFrom=${from}`}`);
      seen.push(...body.sessions.map(({ id }: { id: string }) => id));
      ({ lastOnPage: from, moreAvailable: more } = body.pagination);
      await remove(`/session/${seen.at(-1)}`);
      await signIn();
    }
    expect(seen).toEqual(all);
  });

  it('has no more than the names of known browsers of what a browser sends', async () => {
    const token = await t.loginToken(host, user);
    await signIn(`<script>${token}</script>/1.0 x`);
    const { body } = await list('sessions');
    expect(body.sessions[0]).not.toHaveProperty('device');
  });
});

describe('DELETE session/{id}', () => {
  it('ends it at once on every instance, and once', async () => {
    const others: NestFastifyApplication[] = [];
    for (let i = 0; i < 2; i++) {
      const nest = await createApp(loadSettings(testEnvironment()));
      await nest.listen(0, '127.0.0.1');
      others.push(nest);
    }
    const urls = [t.url, ...(await Promise.all(others.map((nest) => nest.getUrl())))];
    const [cookie, untouched] = [await signIn(), await signIn()];
    // Each instance has seen the session, so each could have kept it.
    for (const url of urls) expect(await isLive(cookie, url)).toBe(true);
    // The latest comes first.
    const [lasting, id] = await idsOf('sessions');
    const deadline = Date.now() + STALENESS;
    const statuses = await Promise.all(Array.from({ length: 5 }, () => remove(`/session/${id}`)));
    expect(statuses.map(({ status }) => status).toSorted()).toEqual([204, 404, 404, 404, 404]);
    const ended = async (): Promise<boolean[]> =>
      Promise.all(urls.flatMap((url) => [isLive(cookie, url), isLive(untouched, url)]));
    while ((await ended()).filter(Boolean).length > urls.length) expect(Date.now()).toBeLessThan(deadline);
    expect(await idsOf('sessions')).toEqual([lasting]);
    await Promise.all(others.map((nest) => nest.close()));
  });
});

describe('a session that is over', () => {
  it('is not there for an administrator either, and nothing is recorded of its end', async () => {
    const cookie = await signIn();
    const [id] = await idsOf('sessions');
    t.passIdleTime();
    expect(outcome(await remove(`/session/${id}`))).toEqual([404, 'not_found']);
    await end(cookie, id!);
    await t.call('/logout', { method: 'POST', headers: { cookie, ...SAME_ORIGIN } });
    const count = await t.world.write((db) => db.countBy(AuditEvent, { event: 'SESSION_ENDED', sessionId: id! }));
    expect(count).toBe(0);
  });

  it('is recorded as ended by nobody who takes a token or a right away later', async () => {
    const token = await t.loginToken(host, user);
    await t.login(token);
    t.passIdleTime();
    const tokenId = String(decode(token).payload.jti);
    expect((await remove(`/access-token/${tokenId}`)).status).toBe(204);
    // Twice the idle time would end the callers' own tokens.
    t.clock.reset();
    const other = await t.loginToken(host, user);
    await t.login(other);
    t.passIdleTime();
    expect((await t.send(admin, 'PUT', `/user/${user}`, { status: 'BLOCKED' })).status).toBe(200);
    const tokens = [tokenId, String(decode(other).payload.jti)];
    const count = await t.world.write((db) => db.countBy(AuditEvent, { event: 'SESSION_ENDED', tokenId: In(tokens) }));
    expect(count).toBe(0);
  });

  it('and was logged out of comes back no more when sessions last longer from then on', async () => {
    const settings = t.nest.get(Settings);
    const cookie = await signIn();
    t.passIdleTime();
    await t.call('/logout', { method: 'POST', headers: { cookie, ...SAME_ORIGIN } });
    settings.SESSION_IDLE_TIMEOUT = 7200;
    expect(await isLive(cookie)).toBe(false);
    settings.SESSION_IDLE_TIMEOUT = 1800;
  });
});

describe('a session that was to last longer than sessions last by now', () => {
  it('ends for good all the same when its user loses a right', async () => {
    const settings = t.nest.get(Settings);
    Object.assign(settings, { SESSION_LIFETIME: 86_400, SESSION_IDLE_TIMEOUT: 86_400 });
    const cookie = await signIn();
    Object.assign(settings, { SESSION_LIFETIME: 600 });
    t.clock.advance(3000);
    expect(await isLive(cookie)).toBe(true);
    for (const status of ['BLOCKED', 'ACTIVE'])
      expect((await t.send(admin, 'PUT', `/user/${user}`, { status })).status).toBe(200);
    expect(await isLive(cookie)).toBe(false);
    Object.assign(settings, { SESSION_LIFETIME: 43_200, SESSION_IDLE_TIMEOUT: 1800 });
  });
});

describe('GET access-tokens', () => {
  it('shows a token that was not used, without the token', async () => {
    const token = await t.loginToken(host, user);
    const { body, text } = await list('access-tokens');
    expect(body).toEqual({
      accessTokens: [
        {
          id: decode(token).payload.jti,
          user: { id: user, name: 'Noor de Vries' },
          actor: actor(),
          created: INSTANT,
          expires: INSTANT,
        },
      ],
      pagination: { total: 1, lastOnPage: expect.any(String), moreAvailable: false },
    });
    expect(text).not.toContain(token.split('.')[2]);
    expect(await idsOf('access-tokens', `user=${user}`)).toHaveLength(1);
    expect(await idsOf('access-tokens', `user=${host.id}`)).toEqual([]);
  });

  it('leaves out what was used, has expired, is revoked or has lost what it came from', async () => {
    await signIn();
    await t.loginToken(host, user);
    t.clock.advance(121);
    const revoked = await t.loginToken(host, user);
    expect((await remove(`/access-token/${String(decode(revoked).payload.jti)}`)).status).toBe(204);
    expect(await idsOf('access-tokens')).toEqual([]);
    await t.loginToken(host, user);
    expect(await idsOf('access-tokens')).toHaveLength(1);
    await t.world.leave(user, groupId);
    expect(await idsOf('access-tokens')).toEqual([]);
  });
});

describe('DELETE access-token/{id}', () => {
  it('takes a token back before it is used', async () => {
    const token = await t.loginToken(host, user);
    const [id] = await idsOf('access-tokens');
    expect((await remove(`/access-token/${id}`)).status).toBe(204);
    expect(outcome(await t.login(token))).toEqual([401, 'invalid_token']);
    expect(outcome(await remove(`/access-token/${id}`))).toEqual([404, 'not_found']);
  });

  it('ends the session of a token that was faster', async () => {
    const token = await t.loginToken(host, user);
    const [id] = await idsOf('access-tokens');
    const cookie = cookieOf(await t.login(token));
    expect((await remove(`/access-token/${id}`)).status).toBe(204);
    expect(await isLive(cookie)).toBe(false);
    expect(await idsOf('sessions')).toEqual([]);
  });
});

describe('the lists', () => {
  it.each(['sessions', 'access-tokens'] as const)('of %s are for staff with MANAGE_USERS', async (what) => {
    expect(outcome(await list(what, '', host))).toEqual([403, 'not_permitted']);
    expect(outcome(await remove(`/${what.replace(/s$/, '')}/x`, host))).toEqual([403, 'not_permitted']);
  });

  it.each(['sessions', 'access-tokens'] as const)('of %s show and end nothing of other organizations', async (what) => {
    await signIn();
    await t.loginToken(host, user);
    const [id] = await idsOf(what);
    const stranger = await t.world.caller({ permissions: ['MANAGE_USERS'] });
    expect((await list(what, '', stranger)).body.pagination).toEqual({ total: 0, moreAvailable: false });
    expect(outcome(await list(what, `user=${user}`, stranger))).toEqual([404, 'nonexistent_user']);
    expect(outcome(await list(what, 'user=nobody@example.com', stranger))).toEqual([404, 'nonexistent_user']);
    expect(outcome(await remove(`/${what.replace(/s$/, '')}/${id}`, stranger))).toEqual([404, 'not_found']);
    expect(await idsOf(what)).toContain(id);
  });

  it('have those of managed users whoever let them in, and not those of guests', async () => {
    const elsewhere = await t.world.caller({ permissions: ['OBTAIN_ACCESS_TOKENS', 'MANAGE_USERS'] });
    const group = await t.world.group(elsewhere.organizationId);
    await t.world.allow(elsewhere.id, group, 'MANAGE');
    await t.world.join(user, group);
    await t.login(await t.loginToken(elsewhere, user));
    expect(await idsOf('sessions')).toHaveLength(1);
    expect((await list('sessions', '', elsewhere)).body.sessions).toEqual([]);
  });

  it.each(['resultSize=0', 'resultSize=101'])('refuse %s', async (query) => {
    expect(outcome(await list('sessions', query))).toEqual([400, 'invalid_result_size']);
  });

  it.each(['x y', 'x 0000-01-01T00:00:00.000Z', 'x -271821-04-20T00:00:00.000Z', 'x\0 2026-01-01T00:00:00.000Z', ' '])(
    'refuse %j as where a page ended',
    async (text) => {
      const resultFrom = `resultFrom=${Buffer.from(text).toString('base64url')}`;
      for (const what of ['sessions', 'access-tokens'] as const)
        expect(outcome(await list(what, resultFrom))).toEqual([400, 'invalid_request']);
    },
  );

  it.each(['resultFrom=x', 'resultFrom=YSBi', 'user=a&user=b'])('refuse %s', async (query) => {
    expect(outcome(await list('sessions', query))).toEqual([400, 'invalid_request']);
  });
});

async function page(cookie: string): Promise<string> {
  return (await t.call('/', { headers: { cookie, accept: 'text/html' } })).text;
}

function end(cookie: string, id: string, headers: Record<string, string> = SAME_ORIGIN): Promise<Answer> {
  return t.call(`/login/sessions/${id}/end`, { method: 'POST', headers: { cookie, accept: 'text/html', ...headers } });
}

function formsIn(text: string): string[] {
  return [...text.matchAll(/action="\/login\/sessions\/([\w-]+)\/end"/g)].map(([, id]) => id!);
}

describe('the landing page', () => {
  it('is there under a name of its own too, for where an application has the other one', async () => {
    const cookie = await signIn();
    const own = await t.call('/login/sessions', { headers: { cookie, accept: 'text/html' } });
    expect(own.text).toBe(await page(cookie));
  });

  it('lists the sessions of its visitor, and marks the one of this browser', async () => {
    const cookie = await signIn();
    await signIn('Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0.0.0 Safari/537.36');
    await signIn('x');
    const text = await page(cookie);
    expect(text.match(/<li>/g)).toHaveLength(3);
    expect(text).toMatch(/Firefox on Linux<\/strong> <mark>this browser<\/mark>/);
    expect(text.match(/<mark>/g)).toHaveLength(1);
    for (const device of ['Chrome on Windows', 'Unknown browser']) expect(text).toContain(device);
    expect(text.match(/Let in by\s+Host system, Academy/g)).toHaveLength(3);
    const since = t.clock.now().toISOString().slice(0, 10);
    for (const name of ['Since', 'Last used'])
      expect(
        text.match(new RegExp(`${name} <time datetime="${since}T[\\d:]+Z">${since} \\d\\d:\\d\\d UTC`, 'g')),
      ).toHaveLength(3);
    expect(formsIn(text)).toHaveLength(2);
  });

  it('ends any of them', async () => {
    const [cookie, other] = [await signIn(), await signIn()];
    const [id] = formsIn(await page(cookie));
    const answer = await end(cookie, id!);
    expect([answer.status, answer.headers.get('location'), answer.headers.get('cache-control')]).toEqual([
      303,
      '/login/sessions',
      'no-store',
    ]);
    expect([await isLive(cookie), await isLive(other)]).toEqual([true, false]);
    expect(formsIn(await page(cookie))).toEqual([]);
  });

  it('signs out whoever ends the session of this browser', async () => {
    const cookie = await signIn();
    const [id] = await idsOf('sessions');
    const answer = await end(cookie, id!);
    expect(answer.headers.getSetCookie().join()).toMatch(/latchkey=;.*Expires=Thu, 01 Jan 1970/);
    expect(await isLive(cookie)).toBe(false);
  });

  it('ends none on a request from elsewhere, or without a session', async () => {
    const [cookie, other] = [await signIn(), await signIn()];
    const [id] = formsIn(await page(cookie));
    for (const headers of [{}, { 'sec-fetch-site': 'cross-site' }, { origin: 'https://evil.example' }])
      expect((await end(cookie, id!, headers as Record<string, string>)).status).toBe(403);
    expect((await end('latchkey=nothing', id!)).status).toBe(303);
    expect((await t.call(`/login/sessions/${id}/end`, { headers: { cookie } })).status).toBe(405);
    expect(await isLive(other)).toBe(true);
  });

  it('S27: ends no session of anybody else, also not of whoever let its visitor in', async () => {
    const stranger = await t.world.user({ organizationId: admin.organizationId });
    await t.world.join(stranger, groupId);
    await t.world.join(host.id, groupId);
    const cookies = [await signIn(FIREFOX, stranger), await signIn(FIREFOX, host.id)];
    const ids = await idsOf('sessions');
    const cookie = await signIn();
    for (const id of ids) expect((await end(cookie, id)).status).toBe(303);
    for (const other of cookies) expect(await isLive(other)).toBe(true);
    expect((await page(cookie)).match(/<li>/g)).toHaveLength(1);
  });

  it('S27: a session of an administrator opens neither the lists nor the record', async () => {
    await t.world.join(admin.id, groupId);
    await t.world.grant(admin.id, 'VIEW_AUDIT_LOG');
    await t.world.grant(host.id, 'MANAGE_STAFF');
    const cookie = await signIn(FIREFOX, admin.id);
    const [id] = await idsOf('sessions');
    for (const [path, method] of [
      ['/sessions', 'GET'],
      ['/access-tokens', 'GET'],
      ['/audit', 'GET'],
      [`/session/${id}`, 'DELETE'],
    ] as const)
      expect((await t.call(`/api/2.1.1${path}`, { method, headers: { cookie, ...SAME_ORIGIN } })).status).toBe(401);
    expect(await isLive(cookie)).toBe(true);
  });
});
