import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp } from '../../src/app/setup.js';
import { loadSettings } from '../../src/config/settings.js';
import { call, outcome, PUBLIC_URL, TestApp, testEnvironment } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { LETTING_PASS, PASSING_ON, PROXIES, SITE } from '../support/asking-proxies.js';
import { raw } from '../support/raw.js';
import type { TestCaller } from '../support/world.js';

/** The longest that an instance may go on with what another has taken away, in milliseconds. */
const STALENESS_MS = 2000;
const EVIL = 'https://evil.example';
const PAGE = { accept: 'text/html', 'sec-fetch-dest': 'document' };

let t: TestApp;
/** A second instance on the same database, which nobody tells anything. */
let other: { nest: NestFastifyApplication; url: string };
/** An instance with the default: it trusts no proxy. */
let closed: { nest: NestFastifyApplication; url: string };
let caller: TestCaller;
let user: string;
let cookie: string;

async function start(overrides: Record<string, string>): Promise<{ nest: NestFastifyApplication; url: string }> {
  const nest = await createApp(loadSettings(testEnvironment(overrides)));
  await nest.listen(0, '127.0.0.1');
  return { nest, url: await nest.getUrl() };
}

beforeAll(async () => {
  t = await TestApp.start({ TRUSTED_PROXIES: '127.0.0.1' });
  other = await start({ TRUSTED_PROXIES: '127.0.0.1' });
  closed = await start({});
});
afterAll(async () => {
  await Promise.all([other, closed].map(({ nest }) => nest.close()));
  await t.stop();
});
beforeEach(async () => {
  caller = await t.world.caller();
  ({ id: user } = await t.world.userOf(caller));
  cookie = await t.signIn(caller, user);
});

function identityOf({ headers }: Answer): string[] {
  return [...headers.keys()].filter((name) => name.startsWith('x-latchkey-'));
}

describe('S30: forwarded headers', () => {
  it.each(LETTING_PASS)('of $proxy are refused from an address on no list, which is the default', async ({ ask }) => {
    jest.spyOn(Logger.prototype, 'warn').mockReturnValue(undefined);
    const uri = `/?oauth_token=${await t.loginToken(caller, (await t.world.userOf(caller)).id)}`;
    for (const request of [{ headers: { cookie } }, { uri, headers: PAGE }, {}]) {
      const answer = await ask(closed.url, { ...request, headers: { accept: 'application/json', ...request.headers } });
      expect([answer.status, identityOf(answer), answer.headers.getSetCookie()]).toEqual([403, [], []]);
    }
    jest.restoreAllMocks();
  });

  it('from an address on no list are answered and logged with what to set, once and without the request', async () => {
    const lines: unknown[] = [];
    jest.spyOn(Logger.prototype, 'warn').mockImplementation((line: unknown) => void lines.push(line));
    const fresh = await start({});
    for (let i = 0; i < 3; i++) {
      const { status, body } = await PROXIES.traefik(fresh.url, { headers: { accept: 'application/json', cookie } });
      expect({ status, body }).toEqual({
        status: 403,
        body: {
          id: 'not_authorized',
          description:
            'Only trusted proxies can call this path: 127.0.0.1 asks at /forward-auth and is not in TRUSTED_PROXIES.',
        },
      });
    }
    await fresh.nest.close();
    jest.restoreAllMocks();
    expect(lines).toEqual([
      '127.0.0.1 asks at /forward-auth and is not in TRUSTED_PROXIES. If it is a proxy of yours, add it there.',
    ]);
  });

  it('name no proxy: X-Forwarded-For is not where a connection comes from', async () => {
    const elsewhere = await start({ TRUSTED_PROXIES: '10.0.0.0/8' });
    const answer = await raw(elsewhere.url, '/forward-auth', {
      headers: {
        cookie,
        'x-forwarded-for': '10.0.0.1',
        'x-real-ip': '10.0.0.1',
        forwarded: 'for=10.0.0.1',
        'x-original-url': `${SITE}/`,
      },
    });
    await elsewhere.nest.close();
    expect([answer.status, identityOf(answer)]).toEqual([403, []]);
  });

  it('S33: from an address on no list do not change for whom wrong tokens are counted', async () => {
    await t.world.write((db) => db.query('DELETE FROM "failed_attempts"'));
    await call(closed.url, '/login?token=x', { headers: { 'x-forwarded-for': '203.0.113.7' } });
    const rows: { key: string }[] = await t.world.write((db) => db.query('SELECT "key" FROM "failed_attempts"'));
    expect(rows.map(({ key }) => key.split(' ')[1])).toEqual(['127.0.0.1']);
  });

  it('S18: from a proxy on the list do not change our own addresses', async () => {
    const headers = {
      authorization: `Bearer ${caller.token}`,
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      forwarded: 'host=evil.example;proto=https',
      host: 'evil.example',
    };
    const { body } = await raw(t.url, `/api/2.1.1/access/${user}`, { headers });
    expect(body.url).toMatch(new RegExp(`^${PUBLIC_URL}/login\\?token=`));
    const metadata = await raw(t.url, '/.well-known/oauth-authorization-server', { headers });
    expect(metadata.body).toMatchObject({ issuer: PUBLIC_URL, token_endpoint: `${PUBLIC_URL}/oauth/token` });
  });
});

describe('S30: identity headers of a client', () => {
  it.each(LETTING_PASS)('are not what $proxy gets back', async ({ ask }) => {
    const forged = {
      cookie,
      'X-LATCHKEY-USER': 'admin',
      'x-latchkey-email': ['a@evil.example', 'b@evil.example'],
      'X-Latchkey-Third-Party-Ids': 'LMS$1',
      'X-Latchkey-Assertion': 'eyJ.eyJ.x',
      'X-Latchkey-Actor': 'admin',
      'X-Latchkey-Name': 'admin',
    };
    const { status, headers } = await ask(t.url, { headers: forged });
    expect(status).toBe(200);
    expect(identityOf({ headers } as Answer)).toHaveLength(6);
    expect(JSON.stringify([...headers])).not.toMatch(/admin|evil|LMS|eyJ\.eyJ/);
    expect(headers.get('x-latchkey-user')).toBe(user);
  });

  it.each(['X_Latchkey_User', 'X-Latchkey_User', 'x_latchkey-user', 'X-Latchkey-Third_Party_Ids', 'X.Latchkey.User'])(
    'as %s are refused, because an application could take them for ours',
    async (name) => {
      for (const { ask } of LETTING_PASS) {
        const answer = await ask(t.url, { headers: { accept: 'application/json', cookie, [name]: 'admin' } });
        expect([...outcome(answer), identityOf(answer)]).toEqual([403, 'not_authorized', []]);
      }
    },
  );

  it('are none in an answer that lets nobody pass', async () => {
    for (const { ask } of [...LETTING_PASS, ...PASSING_ON])
      expect(identityOf(await ask(t.url, { headers: { 'X-Latchkey-User': 'admin' } }))).toEqual([]);
  });
});

describe('S31: without a session', () => {
  it.each([
    '/',
    '/login',
    '/logout',
    '/health',
    '/healthz',
    '/ping',
    '/robots.txt',
    '/favicon.ico',
    '/.well-known/acme-challenge/x',
    '/oauth/keys',
    '/api/2.1.1/version',
    '/forward-auth',
    '/secret/..;/login',
    '/secret/../login',
    '/login/../secret',
    '/login/..%2fsecret',
    '/login%2f..%2fsecret',
    '/%2e%2e/%2e%2e/secret',
    '/secret%00.css',
    '/secret.css',
    '/secret#/login',
    '/secret?/login',
    '/secret?x=/login#/health',
    '/secret;/login',
    '//login',
    '/\\login',
    '/secret?token=x',
    '/secret?oauth_token',
  ])('%s opens nothing', async (uri) => {
    for (const { ask } of LETTING_PASS) {
      const answer = await ask(t.url, { uri, headers: { accept: 'text/html' } });
      expect({ uri, passes: answer.status < 400, identity: identityOf(answer) }).toEqual({
        uri,
        passes: false,
        identity: [],
      });
    }
  });

  it.each([
    'GoogleHC/1.0',
    'kube-probe/1.31',
    'ELB-HealthChecker/2.0',
    'Amazon-Route53-Health-Check-Service',
    'Envoy/HC',
    'Googlebot/2.1',
  ])('the user agent %s opens nothing', async (agent) => {
    for (const { ask } of LETTING_PASS)
      expect((await ask(t.url, { headers: { 'user-agent': agent } })).status).toBe(401);
  });

  it.each(['OPTIONS', 'HEAD', 'TRACE', 'PROPFIND'])('the method %s opens nothing', async (method) => {
    for (const { ask } of LETTING_PASS) expect((await ask(t.url, { method })).status).toBe(401);
  });

  it.each<Record<string, string | string[]>>([
    { 'x-original-url': `${SITE}/` },
    { 'x-original-uri': '/' },
    { 'x-forwarded-uri': '/login' },
    { 'x-forwarded-uri': ['/login', '/health'] },
    { 'x-forwarded-host': ['latchkey.test', 'evil.example'] },
    { 'x-forwarded-proto': ['https', 'http'] },
    { 'x-forwarded-method': ['GET', 'OPTIONS'] },
    { authorization: 'Basic YTpi' },
    { 'x-latchkey-user': 'admin' },
    { 'x-http-method-override': 'OPTIONS' },
    { upgrade: 'websocket', connection: 'Upgrade' },
  ])('%j of a client opens nothing', async (headers) => {
    for (const { ask } of LETTING_PASS) {
      const answer = await ask(t.url, { headers: headers });
      expect([401, 403]).toContain(answer.status);
    }
  });

  it('a caller’s token opens nothing', async () => {
    for (const { ask } of LETTING_PASS)
      expect((await ask(t.url, { headers: { authorization: `Bearer ${caller.token}` } })).status).toBe(401);
  });
});

describe('S31: with a session, what contradicts the proxy is refused', () => {
  it.each([
    { ask: PROXIES.traefik, header: { 'x-original-url': `${EVIL}/` } },
    { ask: PROXIES.envoy, header: { 'x-forwarded-uri': '/' } },
    { ask: PROXIES.nginx, header: { 'x-forwarded-uri': '/' } },
  ])('$header', async ({ ask, header }) => {
    expect((await ask(t.url, { headers: { cookie, ...header } as never })).status).toBe(403);
  });

  it.each([
    '/forward-auth/..%2flogin',
    '/forward-authx/..%2flogin',
    '/%66orward-auth/..%2flogin',
    '/forward-auth%2f..%2fa',
  ])('%s, which a proxy takes for another of our pages and passes on', async (path) => {
    for (const name of ['x-forwarded-proto', 'x-original-url']) {
      const headers = { cookie, host: new URL(SITE).host, [name]: name === 'x-original-url' ? `${SITE}/` : 'http' };
      expect((await raw(t.url, path, { headers })).status).not.toBe(200);
    }
  });
});

describe('S16: a link with oauth_token leads to its own site only', () => {
  it.each(['//evil.example', '///evil.example', '/\\evil.example', '//evil.example/a', '/\\/evil.example', '//@evil'])(
    '%s leads nowhere and is not used up',
    async (path) => {
      const token = await t.loginToken(caller, user);
      for (const ask of [PROXIES.traefik, PROXIES.nginxPage, PROXIES.envoy])
        for (const headers of [PAGE, { ...PAGE, cookie }]) {
          const answer = await ask(t.url, { uri: `${path}?oauth_token=${token}`, headers });
          expect([answer.status, answer.headers.get('location'), answer.headers.getSetCookie()]).toEqual([
            400,
            null,
            [],
          ]);
        }
      expect((await t.login(token)).status).toBe(303);
    },
  );

  it.each(['https://evil.example', 'https://latchkey.test.evil.example', 'http://latchkey.test:8080', 'http://x'])(
    'at %s, which is not its own, it is refused and not used up',
    async (site) => {
      const token = await t.loginToken(caller, user);
      for (const { ask } of PASSING_ON) {
        const answer = await ask(t.url, { site, uri: `/?oauth_token=${token}`, headers: PAGE });
        expect([answer.status, answer.headers.get('location'), answer.headers.getSetCookie()]).toEqual([403, null, []]);
      }
      expect((await t.login(token)).status).toBe(303);
    },
  );
});

describe('S32: our cookie and token', () => {
  it('are in nothing that the application gets, whatever else the browser has', async () => {
    const secret = cookie.split('=')[1]!;
    for (const sent of [
      cookie,
      `a=1;${cookie}`,
      `__HOST-latchkey=${secret}; ${cookie}; \xa0${cookie}; latchkey_oauth=${secret}; b=2`,
    ])
      for (const { ask } of LETTING_PASS) {
        const { status, headers } = await ask(t.url, { headers: { cookie: sent } });
        expect(status).toBe(200);
        expect(JSON.stringify([...headers])).not.toContain(secret);
      }
  });

  it('S1: of a hundred browsers with one link, one is signed in', async () => {
    const { id } = await t.world.userOf(caller);
    const uri = `/?oauth_token=${await t.loginToken(caller, id)}`;
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, i) => PROXIES.traefik([t.url, other.url][i % 2]!, { uri, headers: PAGE })),
    );
    const statuses = answers.map(({ status }) => status).toSorted();
    expect(statuses).toEqual([303, ...Array<number>(99).fill(410)]);
    expect(await t.world.sessionsOf(id)).toBe(1);
  });

  it('S19: the answers have neither in them', async () => {
    const token = await t.loginToken(caller, user);
    const uri = `/a?oauth_token=${token}`;
    for (const headers of [PAGE, PAGE, { accept: 'application/json' }]) {
      const answer = await PROXIES.traefik(t.url, { uri, headers });
      expect(answer.text + JSON.stringify([...answer.headers])).not.toContain(token);
      expect(answer.headers.get('referrer-policy')).toBe('no-referrer');
    }
  });
});

/** What the other instance says to this browser, or another one on another site. */
async function ask(shown = cookie, site = SITE): Promise<number> {
  return (await PROXIES.traefik(other.url, { site, headers: { cookie: shown } })).status;
}

describe('S28: on an instance that nobody tells, access ends within two seconds', () => {
  const LOSSES: { when: string; lose: () => Promise<unknown> }[] = [
    {
      when: 'the visitor logs out at another',
      lose: () => t.call('/logout', { method: 'POST', headers: { cookie, origin: PUBLIC_URL } }),
    },
    {
      when: 'the session is ended',
      lose: () => t.world.endSessions(user),
    },
    {
      when: 'the user is blocked',
      lose: () => t.world.write((db) => db.query(`UPDATE "users" SET "status" = 'BLOCKED' WHERE "id" = '${user}'`)),
    },
    {
      when: 'the user is deleted',
      lose: () => t.world.write((db) => db.query(`DELETE FROM "users" WHERE "id" = '${user}'`)),
    },
    {
      when: 'the membership is removed',
      lose: () => t.world.write((db) => db.query(`DELETE FROM "memberships" WHERE "user_id" = '${user}'`)),
    },
    {
      when: 'the right on the group is revoked',
      lose: () => t.world.write((db) => db.query(`DELETE FROM "group_staff" WHERE "user_id" = '${caller.id}'`)),
    },
    {
      when: 'the permission is revoked',
      lose: () => t.world.write((db) => db.query(`DELETE FROM "account_permissions" WHERE "user_id" = '${caller.id}'`)),
    },
    {
      when: 'whoever let the visitor in is blocked',
      lose: () =>
        t.world.write((db) => db.query(`UPDATE "users" SET "status" = 'BLOCKED' WHERE "id" = '${caller.id}'`)),
    },
    {
      when: 'the client is deleted',
      lose: () => t.world.write((db) => db.query(`DELETE FROM "clients" WHERE "id" = '${caller.clientId}'`)),
    },
  ];

  it.each(LOSSES)('when $when', async ({ lose }) => {
    expect(await ask()).toBe(200);
    await lose();
    const end = Date.now() + STALENESS_MS;
    while ((await ask()) !== 401) expect(Date.now()).toBeLessThan(end);
    expect(await ask()).toBe(401);
  });

  it('when the site is taken off the client’s list', async () => {
    const host = await t.world.caller({ origins: [EVIL] });
    const { id } = await t.world.userOf(host);
    const own = await t.signIn(host, id);
    expect(await ask(own, EVIL)).toBe(200);
    await t.world.write((db) => db.query(`DELETE FROM "client_origins" WHERE "client_id" = '${host.clientId}'`));
    const end = Date.now() + STALENESS_MS;
    while ((await ask(own, EVIL)) !== 401) expect(Date.now()).toBeLessThan(end);
    expect(await ask(own, EVIL)).toBe(401);
  });
});
