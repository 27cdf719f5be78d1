import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { JwtService } from '@nestjs/jwt';
import { hashSecret, newSecret } from '../../src/common/id.js';
import { Organization } from '../../src/schema/entities/organization.entity.js';
import { Session } from '../../src/schema/entities/session.entity.js';
import { User } from '../../src/schema/entities/user.entity.js';
import { cookieOf, TestApp } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { raw } from '../support/raw.js';
import type { TestCaller } from '../support/world.js';

const API = '/api/2.1.1';
const HTTP = 'http://latchkey.test';
const HTTPS = 'https://latchkey.test';
const EVIL = 'https://evil.example';
const SECURE_COOKIE = /^__Host-latchkey=[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Lax$/;
const PLAIN_COOKIE = /^latchkey=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/;

let t: TestApp;
let caller: TestCaller;
let user: string;

/** A caller and a user of its own for each test, and a minute of its own: wrong tokens are limited for each. */
async function arrange(): Promise<void> {
  t.clock.advance(61);
  caller = await t.world.caller();
  ({ id: user } = await t.world.userOf(caller));
}

type Sent = Record<string, string | string[]>;

/** A request that must not use a link up, and what it is answered with. */
interface Look {
  of: string;
  method?: string;
  headers?: Sent;
  status: number;
}

/** Requests that look at a link, and those that do something else with it than going there. */
const LOOKS: Look[] = [
  { of: 'HEAD', method: 'HEAD', status: 200 },
  {
    of: 'HEAD of a navigation',
    method: 'HEAD',
    headers: { 'sec-fetch-dest': 'document', 'sec-fetch-mode': 'navigate' },
    status: 200,
  },
  { of: 'OPTIONS', method: 'OPTIONS', status: 405 },
  {
    of: 'a preflight',
    method: 'OPTIONS',
    headers: { origin: EVIL, 'access-control-request-method': 'GET', 'access-control-request-headers': 'x-y' },
    status: 405,
  },
  ...['PUT', 'PATCH', 'DELETE'].map((method) => ({ of: method, method, status: 405 })),
  { of: 'POST', method: 'POST', status: 403 },
  {
    of: 'POST from another site',
    method: 'POST',
    headers: { origin: EVIL, 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'document' },
    status: 403,
  },
  ...['prefetch', 'prefetch;prerender', 'prefetch;anonymous-client-ip', 'prerender', 'Prefetch'].flatMap(
    (value): Look[] => [
      { of: `Sec-Purpose: ${value}`, headers: { 'sec-purpose': value }, status: 400 },
      {
        of: `Sec-Purpose: ${value}, as a navigation`,
        headers: { 'sec-purpose': value, 'sec-fetch-dest': 'document', 'sec-fetch-mode': 'navigate' },
        status: 400,
      },
    ],
  ),
  ...['prefetch', 'prerender', 'preview', 'Prefetch'].map((value) => ({
    of: `Purpose: ${value}`,
    headers: { purpose: value, 'sec-fetch-dest': 'document' },
    status: 400,
  })),
  { of: 'X-Moz: prefetch', headers: { 'x-moz': 'prefetch' }, status: 400 },
  { of: 'X-Purpose: preview', headers: { 'x-purpose': 'preview' }, status: 400 },
  ...[
    'image',
    'empty',
    'script',
    'style',
    'font',
    'audio',
    'video',
    'track',
    'manifest',
    'object',
    'embed',
    'worker',
    'sharedworker',
    'serviceworker',
    'audioworklet',
    'paintworklet',
    'xslt',
    'report',
    'json',
    'webidentity',
    'frame',
    'fencedframe',
    'nonsense',
    '',
    'document, image',
  ].map((value) => ({ of: `Sec-Fetch-Dest: ${value}`, headers: { 'sec-fetch-dest': value }, status: 400 })),
  { of: 'Sec-Fetch-Dest twice', headers: { 'sec-fetch-dest': ['document', 'image'] }, status: 400 },
  {
    of: 'fetch from another site',
    headers: { origin: EVIL, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
    status: 400,
  },
  {
    of: 'an image on another site',
    headers: {
      referer: `${EVIL}/`,
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'no-cors',
      'sec-fetch-dest': 'image',
    },
    status: 400,
  },
];

/** What says, truly or not, that a call comes from a page of another site, or does not say where it comes from. */
const FOREIGN: { of: string; headers: Sent }[] = [
  { of: 'no word about where it comes from', headers: {} },
  { of: 'Origin of another site', headers: { origin: EVIL } },
  { of: 'Origin: null', headers: { origin: 'null' } },
  { of: 'an empty Origin', headers: { origin: '' } },
  { of: 'an Origin that begins like ours', headers: { origin: `${HTTPS}.evil.example` } },
  { of: 'Origin of a sub-domain', headers: { origin: 'https://evil.latchkey.test' } },
  { of: 'Origin of the plain site', headers: { origin: HTTP } },
  { of: 'Origin of another port', headers: { origin: `${HTTPS}:8443` } },
  { of: 'Origin with a slash', headers: { origin: `${HTTPS}/` } },
  { of: 'Origin in upper case', headers: { origin: HTTPS.toUpperCase() } },
  { of: 'two Origins', headers: { origin: `${HTTPS} ${EVIL}` } },
  { of: 'our Referer alone', headers: { referer: `${HTTPS}/` } },
  { of: 'our Host alone', headers: { host: 'latchkey.test' } },
  {
    of: 'our name in X-Forwarded-Host and a foreign Origin that matches it',
    headers: {
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      host: 'evil.example',
      origin: EVIL,
    },
  },
  { of: 'Sec-Fetch-Site: cross-site', headers: { 'sec-fetch-site': 'cross-site' } },
  { of: 'Sec-Fetch-Site: same-site', headers: { 'sec-fetch-site': 'same-site' } },
  { of: 'Sec-Fetch-Site: none', headers: { 'sec-fetch-site': 'none' } },
  { of: 'an empty Sec-Fetch-Site', headers: { 'sec-fetch-site': '' } },
  { of: 'Sec-Fetch-Site: cross-site and our Origin', headers: { 'sec-fetch-site': 'cross-site', origin: HTTPS } },
  {
    of: 'Sec-Fetch-Site: same-site and our Referer',
    headers: { 'sec-fetch-site': 'same-site', referer: `${HTTPS}/` },
  },
  { of: 'X-Requested-With', headers: { 'x-requested-with': 'XMLHttpRequest' } },
];

function send(method: string, path: string, headers: Sent = {}): Promise<Answer> {
  return raw(t.url, path, { method, headers: { accept: 'application/json', ...headers } });
}

function login(token: string, headers: Sent = {}): Promise<Answer> {
  return send('GET', `/login?token=${token}`, headers);
}

/** What the service takes a browser with this cookie for. */
async function visitor(cookie: string): Promise<string | number> {
  const { status, body } = await send('GET', '/session', { cookie });
  return status === 200 ? body.user.id : status;
}

function sessionsOf(userId: string): Promise<number> {
  return t.world.write((db) => db.countBy(Session, { userId }));
}

function secretOf(cookie: string): string {
  return cookie.slice(cookie.indexOf('=') + 1);
}

/** What of an answer a browser acts on. */
function effect({ status, headers }: Answer): object {
  return { status, location: headers.get('location'), cookies: headers.getSetCookie() };
}

describe('under https', () => {
  beforeAll(async () => {
    t = await TestApp.start({ PUBLIC_URL: HTTPS });
  });
  afterAll(() => t.stop());
  beforeEach(arrange);

  describe('what only looks at a link', () => {
    it.each(LOOKS)(
      'S20: $of starts no session and sets no cookie, and the token works afterwards',
      async ({ method = 'GET', headers, status }) => {
        const token = await t.loginToken(caller, user);
        const answer = await send(method, `/login?token=${token}`, headers);
        expect(effect(answer)).toEqual({ status, location: null, cookies: [] });
        expect(answer.headers.get('access-control-allow-origin')).toBeNull();
        expect(await sessionsOf(user)).toBe(0);
        expect(effect(await login(token, { 'sec-fetch-dest': 'document' }))).toEqual({
          status: 303,
          location: '/',
          cookies: [expect.stringMatching(SECURE_COOKIE)],
        });
      },
    );

    it.each(['prefetch', 'prefetch;prerender'])(
      'S20: the answer to Sec-Purpose: %s is not kept for the navigation that may follow',
      async (purpose) => {
        const { headers } = await login(await t.loginToken(caller, user), {
          'sec-purpose': purpose,
          accept: 'text/html',
        });
        expect(headers.get('cache-control')).toBe('no-store');
      },
    );

    it('S20: HEAD answers the same for every token', async () => {
      const good = await t.loginToken(caller, user);
      const used = await t.loginToken(caller, user);
      await login(used);
      const answers = await Promise.all([good, used, 'x', ''].map((token) => send('HEAD', `/login?token=${token}`)));
      const told = answers.map(({ status, headers, text }) =>
        JSON.stringify([status, text, [...headers].filter(([name]) => !['date', 'x-request-id'].includes(name))]),
      );
      expect(new Set(told).size).toBe(1);
    });

    it.each<{ of: string; headers: Sent }>([
      {
        of: 'a navigation',
        headers: {
          'sec-fetch-dest': 'document',
          'sec-fetch-mode': 'navigate',
          'sec-fetch-site': 'cross-site',
          'sec-fetch-user': '?1',
          referer: `${EVIL}/`,
        },
      },
      {
        of: 'a typed address',
        headers: { 'sec-fetch-dest': 'document', 'sec-fetch-mode': 'navigate', 'sec-fetch-site': 'none' },
      },
      { of: 'a browser that says nothing', headers: {} },
    ])('S20: $of starts the session', async ({ headers }) => {
      const answer = await login(await t.loginToken(caller, user), headers);
      expect(effect(answer)).toEqual({ status: 303, location: '/', cookies: [expect.stringMatching(SECURE_COOKIE)] });
      expect(await visitor(cookieOf(answer))).toBe(user);
    });

    it.each(['cross-site', 'same-site', 'same-origin'])(
      'S20: a navigation of a frame from %s uses nothing up before its page is shown',
      async (site) => {
        const headers = { 'sec-fetch-dest': 'iframe', 'sec-fetch-mode': 'navigate', 'sec-fetch-site': site };
        const token = await t.loginToken(caller, user);
        expect(effect(await login(token, headers))).toEqual({ status: 200, location: null, cookies: [] });
        expect((await login(token)).status).toBe(303);
      },
    );
  });

  describe('a bad token', () => {
    const BAD: { of: string; query: () => Promise<string> | string; status: number }[] = [
      { of: 'nothing', query: () => '', status: 400 },
      { of: 'an empty token', query: () => '?token=', status: 401 },
      { of: 'nonsense', query: () => '?token=nonsense', status: 401 },
      { of: 'two tokens', query: () => '?token=a&oauth_token=b', status: 400 },
      { of: 'an array', query: () => '?token[]=a', status: 400 },
      { of: 'a forged token', query: async () => `?token=${await t.loginToken(caller, user)}A`, status: 401 },
      { of: 'a used token', query: usedToken, status: 410 },
      { of: 'an expired token', query: expiredToken, status: 410 },
      { of: 'a token of a user who left', query: tokenOfSomebodyWhoLeft, status: 401 },
      { of: 'an access token', query: () => `?token=${caller.token}`, status: 401 },
      {
        of: 'the secret of a session',
        query: async () => `?token=${secretOf(await t.signIn(caller, await another()))}`,
        status: 401,
      },
    ];

    it.each(BAD)('S21: $of ends no live session and changes nothing', async ({ query }) => {
      const cookie = await t.signIn(caller, user);
      expect(effect(await send('GET', `/login${await query()}`, { cookie }))).toEqual({
        status: 303,
        location: '/',
        cookies: [],
      });
      expect(effect(await send('GET', `/login${await query()}`, { cookie, accept: 'text/html' }))).toEqual({
        status: 303,
        location: '/',
        cookies: [],
      });
      expect(await visitor(cookie)).toBe(user);
    });

    it.each(BAD)('S21: $of sets and clears no cookie where there is no session', async ({ query, status }) => {
      const browsers: Sent[] = [
        { accept: 'text/html' },
        { accept: 'application/json' },
        { cookie: `__Host-latchkey=${newSecret()}; latchkey=${newSecret()}` },
      ];
      for (const headers of browsers) {
        expect(effect(await send('GET', `/login${await query()}`, headers))).toEqual({
          status,
          location: null,
          cookies: [],
        });
      }
    });

    it('S21: ends no live session when there are too many of them', async () => {
      const cookie = await t.signIn(caller, user);
      const answers: Answer[] = [];
      // More than the limit in one minute, which may end meanwhile.
      while (answers.at(-1)?.status !== 429 && answers.length < 400) answers.push(await login('nonsense'));
      expect(effect(answers.at(-1)!)).toEqual({ status: 429, location: null, cookies: [] });
      expect(effect(await login('nonsense', { cookie }))).toEqual({ status: 303, location: '/', cookies: [] });
      expect(await visitor(cookie)).toBe(user);
    });
  });

  describe('a token for somebody else', () => {
    it('S21: is ignored and not consumed where there is a live session, and works in another browser', async () => {
      const cookie = await t.signIn(caller, user);
      const other = await another();
      const token = await t.loginToken(caller, other, '?returnTo=/course');
      const visits: Sent[] = [{ cookie }, { cookie, 'sec-fetch-dest': 'document' }];
      for (const headers of visits) {
        expect(effect(await login(token, headers))).toEqual({ status: 303, location: '/', cookies: [] });
      }
      // Whoever sees pages sees whose session it is.
      const page = await login(token, { cookie, accept: 'text/html' });
      expect(effect(page)).toEqual({ status: 200, location: null, cookies: [] });
      expect([await visitor(cookie), await sessionsOf(other)]).toEqual([user, 0]);
      const elsewhere = await login(token);
      expect(effect(elsewhere)).toEqual({
        status: 303,
        location: '/course',
        cookies: [expect.stringMatching(SECURE_COOKIE)],
      });
      expect([await visitor(cookie), await visitor(cookieOf(elsewhere))]).toEqual([user, other]);
    });

    it('S21: is not consumed either by the same user, and starts a second session in another browser', async () => {
      const cookie = await t.signIn(caller, user);
      const token = await t.loginToken(caller, user);
      expect(effect(await login(token, { cookie }))).toEqual({ status: 303, location: '/', cookies: [] });
      const elsewhere = cookieOf(await login(token));
      expect(elsewhere).not.toBe(cookie);
      expect([await visitor(cookie), await visitor(elsewhere), await sessionsOf(user)]).toEqual([user, user, 2]);
    });

    it('S21: works once the session has ended', async () => {
      const cookie = await t.signIn(caller, user);
      const other = await another();
      const token = await t.loginToken(caller, other);
      await login(token, { cookie });
      await send('POST', '/logout', { cookie, 'sec-fetch-site': 'same-origin' });
      const after = cookieOf(await login(token, { cookie }));
      expect([await visitor(cookie), await visitor(after)]).toEqual([401, other]);
    });
  });

  describe('the secret of a session', () => {
    it('S22: is new at each login and has nothing of the token, the user or the session before', async () => {
      const secrets = new Set<string>();
      let cookie = '';
      for (let i = 0; i < 5; i++) {
        const token = await t.loginToken(caller, user);
        const { jti } = new JwtService().decode<{ jti: string }>(token);
        const before = cookie;
        cookie = cookieOf(await login(token, { cookie: before }));
        const secret = secretOf(cookie);
        secrets.add(secret);
        expect(Buffer.from(secret, 'base64url')).toHaveLength(32);
        expect(token).not.toContain(secret);
        for (const known of [token, jti, user, secretOf(before), token.split('.')[2]!]) {
          for (const encoding of ['base64url', 'hex'] as const)
            expect(secret).not.toBe(createHash('sha256').update(known).digest(encoding));
        }
        await send('POST', '/logout', { cookie, 'sec-fetch-site': 'same-origin' });
      }
      expect(secrets.size).toBe(5);
    });

    it.each<{ of: string; brought: () => Promise<string> }>([
      { of: 'a value of somebody’s choice', brought: async () => `__Host-latchkey=${newSecret()}` },
      { of: 'a value of somebody’s choice under the plain name', brought: async () => `latchkey=${newSecret()}` },
      {
        of: 'the same value under both names',
        brought: async () => ['__Host-latchkey', 'latchkey'].map((name) => `${name}=${'A'.repeat(43)}`).join('; '),
      },
      { of: 'an empty value', brought: async () => '__Host-latchkey=' },
      { of: 'a value that is no secret', brought: async () => '__Host-latchkey=%00%FF[object Object]' },
      { of: 'a session that was logged out', brought: loggedOut },
      { of: 'a session that was not used for long', brought: timedOut },
      {
        of: 'the hash that is stored of a live session',
        brought: async () => `__Host-latchkey=${hashSecret(secretOf(await t.signIn(caller, user)))}`,
      },
      { of: 'the token', brought: async () => `__Host-latchkey=${await t.loginToken(caller, user)}` },
    ])('S22: is never $of that the browser brought', async ({ brought }) => {
      const old = await brought();
      const answer = await login(await t.loginToken(caller, user), { cookie: old });
      expect(effect(answer)).toEqual({ status: 303, location: '/', cookies: [expect.stringMatching(SECURE_COOKIE)] });
      const cookie = cookieOf(answer);
      expect(old).not.toContain(secretOf(cookie));
      expect([await visitor(cookie), await visitor(old)]).toEqual([user, 401]);
    });

    it('S22: is the only one of its login, also when the same token is brought with it again', async () => {
      const token = await t.loginToken(caller, user);
      const cookie = cookieOf(await login(token));
      expect(effect(await login(token, { cookie }))).toEqual({ status: 303, location: '/', cookies: [] });
      expect(effect(await login(token))).toEqual({ status: 410, location: null, cookies: [] });
      expect([await visitor(cookie), await sessionsOf(user)]).toEqual([user, 1]);
    });
  });

  describe('the cookie', () => {
    it('S23: is __Host-latchkey, for this host alone, https only, hidden from scripts, and gone with the browser', async () => {
      const answer = await login(await t.loginToken(caller, user));
      const [cookie, ...others] = answer.headers.getSetCookie();
      expect(others).toEqual([]);
      const [pair, ...attributes] = cookie!.split('; ');
      expect(pair).toMatch(/^__Host-latchkey=[\w-]{43}$/);
      expect(attributes.toSorted()).toEqual(['HttpOnly', 'Path=/', 'SameSite=Lax', 'Secure']);
    });

    it('S23: is the same with security=ssl', async () => {
      const { body } = await t.as(caller)(`/access/${user}?security=ssl`);
      expect(body.url).toBe(`${HTTPS}/login?token=${body.token}`);
      expect((await login(body.token)).headers.getSetCookie()).toEqual([expect.stringMatching(SECURE_COOKIE)]);
    });

    it('S23: is not accepted under the plain name, which anybody on a neighbouring host can set', async () => {
      const secret = secretOf(await t.signIn(caller, user));
      expect([await visitor(`latchkey=${secret}`), await visitor(`__Host-latchkey=${secret}`)]).toEqual([401, user]);
      expect((await send('GET', '/', { cookie: `latchkey=${secret}` })).text).toContain('You are not signed in');
    });

    it('S23: of a session from before https is accepted under neither name', async () => {
      const cookie = await t.signIn(caller, user);
      await t.world.write((db) => db.update(Session, { userId: user }, { secure: false }));
      expect([await visitor(`latchkey=${secretOf(cookie)}`), await visitor(cookie)]).toEqual([401, 401]);
    });

    it.each([
      (secret: string) => `__host-latchkey=${secret}`,
      (secret: string) => `__HOST-LATCHKEY=${secret}`,
      (secret: string) => `__Secure-latchkey=${secret}`,
      (secret: string) => `Latchkey=${secret}`,
      (secret: string) => `session=${secret}`,
      (secret: string) => `=__Host-latchkey=${secret}`,
      (secret: string) => `__Host-latchkey=${secret}A`,
      (secret: string) => `__Host-latchkey=${secret.slice(0, 42)}`,
      (secret: string) => `__Host-latchkey=${secret.toLowerCase()}`,
      (secret: string) => `__Host-latchkey[]=${secret}`,
      (secret: string) => `__Host-latchkey=${hashSecret(secret)}`,
      () => '__Host-latchkey=',
      () => '__Host-latchkey=%',
      () => `__Host-latchkey=${'A'.repeat(12_000)}`,
      () => "__Host-latchkey=' OR '1'='1",
      () => '__Host-latchkey=%00; __Host-latchkey=%ED%A0%80',
      () => '__proto__=x; constructor=y',
    ])('S23: is not accepted in another form (%#)', async (form) => {
      const cookie = await t.signIn(caller, user);
      expect(await visitor(form(secretOf(cookie)))).toBe(401);
      expect(await visitor(cookie)).toBe(user);
    });

    it('S23: of a neighbouring host under the plain name does not hide the real one', async () => {
      const cookie = await t.signIn(caller, user);
      expect(await visitor(`latchkey=${newSecret()}; ${cookie}`)).toBe(user);
      expect(await visitor(`${cookie}; latchkey=${newSecret()}`)).toBe(user);
    });

    it('S23: is set and cleared by answers that nobody keeps', async () => {
      const opened = await login(await t.loginToken(caller, user));
      const ended = await send('POST', '/logout', { cookie: cookieOf(opened), 'sec-fetch-site': 'same-origin' });
      const endedByForm = await send('POST', '/logout', { accept: 'text/html', 'sec-fetch-site': 'same-origin' });
      for (const answer of [opened, ended, endedByForm]) {
        expect(answer.headers.getSetCookie()).toHaveLength(1);
        expect(answer.headers.get('cache-control')).toBe('no-store');
      }
    });

    it('S23: is cleared under the name and with the attributes with which it was set', async () => {
      const cookie = await t.signIn(caller, user);
      const [cleared, ...others] = (
        await send('POST', '/logout', { cookie, 'sec-fetch-site': 'same-origin' })
      ).headers.getSetCookie();
      expect(others).toEqual([]);
      const [pair, ...attributes] = cleared!.split('; ');
      expect(pair).toBe('__Host-latchkey=');
      expect(attributes.toSorted()).toEqual([
        'Expires=Thu, 01 Jan 1970 00:00:00 GMT',
        'HttpOnly',
        'Max-Age=0',
        'Path=/',
        'SameSite=Lax',
        'Secure',
      ]);
    });

    it.each(['/session', '/'])('S23: is not set by %s, and what a session sees there is not kept', async (path) => {
      const { status, headers } = await send('GET', path, { cookie: await t.signIn(caller, user) });
      expect({ status, cookies: headers.getSetCookie(), cache: headers.get('cache-control') }).toEqual({
        status: 200,
        cookies: [],
        cache: 'no-store',
      });
    });

    it.each(['/session', '/', '/health', '/docs', `${API}/version`, '/nothing'])(
      'S23: is neither set nor cleared by %s for a browser without a session',
      async (path) => {
        for (const cookie of ['', `__Host-latchkey=${newSecret()}`])
          expect((await send('GET', path, { cookie })).headers.getSetCookie()).toEqual([]);
      },
    );
  });

  describe('logging out', () => {
    it.each(FOREIGN)('S24: is refused with $of, and the session lives', async ({ headers }) => {
      const cookie = await t.signIn(caller, user);
      for (const accept of ['application/json', 'text/html']) {
        const answer = await send('POST', '/logout', { cookie, accept, ...headers });
        expect(effect(answer)).toEqual({ status: 403, location: null, cookies: [] });
        expect(answer.body?.id ?? answer.text).toMatch(/^not_authorized$|<h1>You are not allowed to do this<\/h1>/);
      }
      expect(await visitor(cookie)).toBe(user);
    });

    it.each(['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data; boundary=x', 'application/json'])(
      'S24: is refused to a form of type %s on another site',
      async (type) => {
        const cookie = await t.signIn(caller, user);
        const answer = await raw(t.url, '/logout', {
          method: 'POST',
          headers: { cookie, origin: EVIL, 'content-type': type, 'content-length': '2' },
          body: '{}',
        });
        expect([403, 415]).toContain(answer.status);
        expect(answer.headers.getSetCookie()).toEqual([]);
        expect(await visitor(cookie)).toBe(user);
      },
    );

    it.each(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'])('S24: is not done by %s', async (method) => {
      const cookie = await t.signIn(caller, user);
      expect((await send(method, '/logout', { cookie, origin: HTTPS, 'sec-fetch-site': 'same-origin' })).status).toBe(
        405,
      );
      expect(await visitor(cookie)).toBe(user);
    });

    it.each<{ of: string; headers: Sent; status: number; location: string | null }>([
      { of: 'Sec-Fetch-Site: same-origin', headers: { 'sec-fetch-site': 'same-origin' }, status: 204, location: null },
      { of: 'our Origin', headers: { origin: HTTPS }, status: 204, location: null },
      {
        of: 'a form on our page',
        headers: {
          'sec-fetch-site': 'same-origin',
          origin: 'null',
          accept: 'text/html,*/*;q=0.8',
          'content-type': 'application/x-www-form-urlencoded',
        },
        status: 303,
        location: '/',
      },
    ])('S24: with $of ends the session on the server', async ({ headers, status, location }) => {
      const cookie = await t.signIn(caller, user);
      const elsewhere = await t.signIn(caller, user);
      const answer = await send('POST', '/logout', { cookie, ...headers });
      expect(effect(answer)).toEqual({ status, location, cookies: [expect.stringMatching(/^__Host-latchkey=; /)] });
      expect([await visitor(cookie), await visitor(elsewhere)]).toEqual([401, user]);
      expect((await send('GET', '/', { cookie })).text).toContain('You are not signed in');
    });

    it('S24: works with the form of the landing page in a browser that sends no Sec-Fetch-Site', async () => {
      const cookie = await t.signIn(caller, user);
      const page = await send('GET', '/', { cookie, accept: 'text/html' });
      expect(page.text).toContain('<form method="post" action="/logout">');
      // Fetch, "append a request Origin header": a form on a page without referrers sends `null`.
      const origin = page.headers.get('referrer-policy') === 'no-referrer' ? 'null' : HTTPS;
      expect((await send('POST', '/logout', { cookie, origin, accept: 'text/html' })).status).toBe(303);
      expect(await visitor(cookie)).toBe(401);
    });

    it('S24: allows no other site to read what a session sees', async () => {
      const cookie = await t.signIn(caller, user);
      for (const [method, path] of [
        ['GET', '/session'],
        ['GET', '/'],
        ['POST', '/logout'],
        ['OPTIONS', '/session'],
        ['OPTIONS', `${API}/access/self`],
      ] as const) {
        const { headers } = await send(method, path, { cookie, origin: EVIL, 'access-control-request-method': 'GET' });
        expect([...headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
      }
    });
  });

  describe('a page that waits for the visitor', () => {
    const OWN = { 'sec-fetch-site': 'same-origin', 'content-type': 'application/x-www-form-urlencoded' };

    function answerWith(token: string, answer: string, headers: Sent = {}): Promise<Answer> {
      return raw(t.url, `/login?token=${token}`, {
        method: 'POST',
        headers: { accept: 'text/html', ...OWN, ...headers },
        body: `answer=${answer}`,
      });
    }

    /** Each of the pages, with the token that it waits for and the cookie of its visitor. */
    const WAITING: { of: string; arrange: () => Promise<{ token: string; cookie: string; answer: string }> }[] = [
      { of: 'the button', arrange: async () => ({ token: await link(), cookie: '', answer: 'open' }) },
      {
        of: 'the question',
        arrange: async () => ({
          cookie: await t.signIn(caller, await another()),
          token: await link('?session=ask'),
          answer: 'continue',
        }),
      },
    ];

    it.each(LOOKS)('S20: does not take $of for the visitor', async ({ method = 'GET', headers, status }) => {
      const token = await link();
      const answer = await send(method, `/login?token=${token}`, headers);
      expect(effect(answer)).toEqual({ status, location: null, cookies: [] });
      expect(await sessionsOf(user)).toBe(0);
      expect((await answerWith(token, 'open')).status).toBe(303);
    });

    it.each<{ of: string; headers: Sent }>([
      { of: 'a prefetch', headers: { 'sec-purpose': 'prefetch' } },
      { of: 'a prerender', headers: { 'sec-purpose': 'prefetch;prerender' } },
      { of: 'a fetch', headers: { 'sec-fetch-dest': 'empty' } },
      { of: 'an image', headers: { 'sec-fetch-dest': 'image' } },
    ])('S20: is not answered by $of of our own', async ({ headers }) => {
      const token = await link();
      expect(effect(await answerWith(token, 'open', headers))).toEqual({ status: 400, location: null, cookies: [] });
      expect(await sessionsOf(user)).toBe(0);
    });

    it.each(WAITING)('S20: with $of has consumed nothing and set no cookie when it is shown', async ({ arrange }) => {
      const { token, cookie } = await arrange();
      for (let time = 0; time < 3; time++)
        expect(effect(await page(`/login?token=${token}`, cookie))).toEqual({
          status: 200,
          location: null,
          cookies: [],
        });
      expect(await sessionsOf(user)).toBe(0);
    });

    it.each(WAITING)('S19: with $of has the token nowhere, nor has what it leads to', async ({ arrange }) => {
      const { token, cookie, answer } = await arrange();
      const shown = await page(`/login?token=${token}`, cookie);
      const left = await answerWith(token, answer, { cookie });
      expect([shown.status, left.status]).toEqual([200, 303]);
      for (const { text, headers } of [shown, left]) {
        const everything = text + JSON.stringify([...headers]);
        for (const part of [token, ...token.split('.').slice(1)]) expect(everything).not.toContain(part);
        expect(headers.get('referrer-policy')).toBe('no-referrer');
        expect(headers.get('cache-control')).toBe('no-store');
      }
      // The form needs no address: it goes to the one that the page has.
      expect(shown.text).toContain('<form method="post">');
      // Browsers without Sec-Fetch-Site say where a form comes from only if its page lets them; by its origin, not its address.
      expect(shown.text.match(/<meta name="referrer"[^>]*>/g)).toEqual([
        '<meta name="referrer" content="strict-origin">',
      ]);
    });

    it.each(FOREIGN)('S24: is not answered by another site: $of', async ({ headers }) => {
      const [linked, asked] = [await link(), await link('?session=ask')];
      const other = await another();
      const cookie = await t.signIn(caller, other);
      for (const [token, answer, sent] of [
        [linked, 'open', {}],
        [asked, 'continue', { cookie }],
        [asked, 'stay', { cookie }],
      ] as const) {
        const { 'sec-fetch-site': _, ...form } = OWN;
        const refused = await raw(t.url, `/login?token=${token}`, {
          method: 'POST',
          headers: { accept: 'text/html', ...form, ...sent, ...headers },
          body: `answer=${answer}`,
        });
        expect(effect(refused)).toEqual({ status: 403, location: null, cookies: [] });
      }
      expect([await sessionsOf(user), await visitor(cookie)]).toEqual([0, other]);
    });

    it('S24: is answered from our Origin by a browser that sends no Sec-Fetch-Site', async () => {
      const answer = await raw(t.url, `/login?token=${await link()}`, { method: 'POST', headers: { origin: HTTPS } });
      expect(await visitor(cookieOf(answer))).toBe(user);
    });

    it.each<(typeof WAITING)[number] & { headers: Sent; script?: string }>([
      { ...WAITING[0]!, headers: {} },
      {
        of: 'the button in a window',
        arrange: WAITING[0]!.arrange,
        headers: { 'sec-fetch-dest': 'document', 'sec-fetch-mode': 'navigate' },
        script: '/login/continue.js',
      },
      { ...WAITING[1]!, headers: {} },
    ])('S24: with $of loads nothing but its own script and can’t be framed', async (expected) => {
      const { token, cookie } = await expected.arrange();
      const answer = await send('GET', `/login?token=${token}`, { ...expected.headers, cookie, accept: 'text/html' });
      const { 'style-src': style, ...rest } = policyOf(answer);
      expect(style).toMatch(/^'sha256-[\w+/]+='$/);
      expect(rest).toEqual({
        'default-src': "'none'",
        'img-src': "'self'",
        // Where the visitor lands may send them on, and the browser holds that against the form.
        'form-action': "'self' https:",
        'frame-ancestors': "'none'",
        'base-uri': "'none'",
        ...(expected.script ? { 'script-src': "'self'" } : {}),
      });
      expect(answer.headers.get('x-frame-options')).toBe('DENY');
      expect(addressesIn(answer)).toEqual(expected.script ? [expected.script] : []);
      expect(answer.text).not.toMatch(/<script(?![^>]*\ssrc=)|<script[^>]*>[^<]|\son\w+\s*=|\sstyle\s*=|javascript:/i);
    });

    it('S24: with the question escapes the names of both users', async () => {
      const attack = `<script>alert("1")</script> ' onload='x' & </title></dd><img src=x onerror=alert(1)>`;
      const { id: other } = await t.world.userOf(caller, { name: `Current ${attack}` });
      const { id: offered } = await t.world.userOf(caller, { name: `Offered ${attack}` });
      const { text } = await page(`/login?token=${await link('?session=ask', offered)}`, await t.signIn(caller, other));
      for (const who of ['Current', 'Offered'])
        expect(text).toMatch(new RegExp(`${who} (&lt;|&#60;)script(&gt;|&#62;)`));
      expect(text).not.toMatch(/<script|<img|onload='|alert\("|<\/dd><img/);
    });

    it('S22: leads to a session of its own, and the one that was switched from is over under its old value', async () => {
      for (const [query, answer] of [
        ['?session=switch&delivery=link', 'open'],
        ['?session=ask', 'continue'],
      ] as const) {
        const cookie = await t.signIn(caller, await another());
        const token = await link(query);
        const after = cookieOf(await answerWith(token, answer, { cookie }));
        expect([secretOf(after) === secretOf(cookie), token.includes(secretOf(after))]).toEqual([false, false]);
        expect([await visitor(cookie), await visitor(after)]).toEqual([401, user]);
        expect(await visitor(`${after}; ${cookie}`)).toBe(401);
      }
    });

    it.each(['switch', 'ask'])('S21: switches from nobody with a bad token of session=%s', async (mode) => {
      const used = await link(`?session=${mode}`);
      await login(used);
      const late = await link(`?session=${mode}`);
      t.clock.advance(121);
      const other = await another();
      const cookie = await t.signIn(caller, other);
      for (const token of [used, late, `${late}A`, caller.token, 'nonsense'])
        for (const answer of [
          await login(token, { cookie }),
          await answerWith(token, 'open', { cookie }),
          await answerWith(token, 'continue', { cookie }),
        ])
          expect(effect(answer)).toEqual({ status: 303, location: '/', cookies: [] });
      expect(await visitor(cookie)).toBe(other);
    });
  });

  describe('the cookie of a frame', () => {
    const ORIGIN = 'https://host.example';

    async function embedded(): Promise<Answer> {
      caller = await t.world.caller({ origins: [ORIGIN] });
      ({ id: user } = await t.world.userOf(caller));
      return login(await t.loginToken(caller, user, `?embed=${ORIGIN}`), { 'sec-fetch-dest': 'iframe' });
    }

    it('S23: is for this host alone, https only, hidden from scripts, and for one site around it', async () => {
      const answer = await embedded();
      const [pair, ...attributes] = answer.headers.getSetCookie()[0]!.split('; ');
      expect(pair).toMatch(/^__Host-latchkey-embed=[\w-]{43}$/);
      expect(attributes.toSorted()).toEqual(['HttpOnly', 'Partitioned', 'Path=/', 'SameSite=None', 'Secure']);
      expect(answer.headers.get('cache-control')).toBe('no-store');
    });

    it('S23: is not accepted under another name, and no other one under its name', async () => {
      const cookie = cookieOf(await embedded());
      const ordinary = secretOf(await t.signIn(caller, user));
      expect(await inFrame(cookie)).toBe(user);
      for (const name of ['__Host-latchkey', 'latchkey', 'latchkey-embed', '__host-latchkey-embed'])
        expect(await inFrame(`${name}=${secretOf(cookie)}`)).toBe(401);
      expect(await inFrame(`__Host-latchkey-embed=${ordinary}`)).toBe(401);
    });

    it('S23: counts for no page in a window, and for nothing that does not say what it is for', async () => {
      const cookie = cookieOf(await embedded());
      expect(await visitor(cookie)).toBe(401);
      for (const destination of ['document', undefined]) {
        const { text } = await send('GET', '/', { cookie, ...(destination ? { 'sec-fetch-dest': destination } : {}) });
        expect(text).toContain('You are not signed in');
      }
    });

    it('S22: that a browser brought is never adopted', async () => {
      await embedded();
      const brought = `__Host-latchkey-embed=${newSecret()}`;
      const token = await t.loginToken(caller, user, `?embed=${ORIGIN}`);
      const after = cookieOf(await login(token, { 'sec-fetch-dest': 'iframe', cookie: brought }));
      expect([secretOf(after) === secretOf(brought), await inFrame(brought), await inFrame(after)]).toEqual([
        false,
        401,
        user,
      ]);
    });

    it.each(FOREIGN)(
      'S24: lets nobody log out from another site, although it is sent from there: $of',
      async ({ headers }) => {
        const cookie = cookieOf(await embedded());
        const answer = await send('POST', '/logout', { cookie, 'sec-fetch-dest': 'iframe', ...headers });
        expect(effect(answer)).toEqual({ status: 403, location: null, cookies: [] });
        expect(await inFrame(cookie)).toBe(user);
      },
    );
  });

  describe('a page', () => {
    const PAGES: { of: string; open: () => Promise<Answer>; status: number }[] = [
      { of: 'the landing page', open: () => page('/'), status: 200 },
      { of: 'the landing page with a session', open: async () => page('/', await t.signIn(caller, user)), status: 200 },
      { of: 'the guide', open: () => page('/guides/service-accounts'), status: 200 },
      { of: 'a link that is not complete', open: () => page('/login'), status: 400 },
      { of: 'a link with two tokens', open: () => page('/login?token=a&token=b'), status: 400 },
      { of: 'a link that does not work', open: () => page('/login?token=x'), status: 401 },
      { of: 'a link that was used', open: async () => page(`/login${await usedToken()}`), status: 410 },
      { of: 'a link that has expired', open: async () => page(`/login${await expiredToken()}`), status: 410 },
    ];

    it.each(PAGES)('S24: $of runs no script, loads nothing and can’t be framed', async ({ open, status }) => {
      const answer = await open();
      expect(answer.status).toBe(status);
      expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
      const { 'style-src': styles, ...rest } = policyOf(answer);
      expect(rest).toEqual({
        'default-src': "'none'",
        'img-src': "'self'",
        'form-action': "'self'",
        'frame-ancestors': "'none'",
        'base-uri': "'none'",
      });
      const style = /<style>([\s\S]*?)<\/style>/.exec(answer.text)![1]!;
      expect(styles).toBe(`'sha256-${createHash('sha256').update(style).digest('base64')}'`);
      expect(answer.text).not.toMatch(
        /<script|<iframe|<object|<embed|<link|<img|<base|<svg|<meta[^>]+http-equiv|\son\w+\s*=|\sstyle\s*=|javascript:|@import|url\(/i,
      );
      expect(addressesIn(answer)).toEqual(addressesIn(answer).filter((address) => /^\/(?!\/)/.test(address)));
    });

    it('S24: of the documentation runs scripts of this host only, none inline, and can’t be framed', async () => {
      const answer = await page('/docs');
      expect(answer.status).toBe(200);
      const policy = policyOf(answer);
      expect(policy).toMatchObject({
        'default-src': "'none'",
        'script-src': "'self'",
        'connect-src': "'self'",
        'frame-ancestors': "'none'",
        'base-uri': "'none'",
        'form-action': "'none'",
      });
      expect(Object.values(policy).join(' ')).not.toMatch(/\*|https?:|unsafe-eval|blob:/);
      expect(answer.text).not.toMatch(/<script(?![^>]*\ssrc=)|<script[^>]*>[^<]|\son\w+\s*=|javascript:/i);
      expect(addressesIn(answer).length).toBeGreaterThan(2);
      expect(addressesIn(answer)).toEqual(addressesIn(answer).filter((address) => /^\/(?!\/)/.test(address)));
    });

    it('S24: escapes the names of the user, of who let them in and of the organization', async () => {
      const attack = `<script>alert("1")</script> ' onload='x' & </title></dd><img src=x onerror=alert(1)>`;
      const address = `"<b>'&x"@${user.toLowerCase()}.example`;
      ({ id: user } = await t.world.userOf(caller, { name: `User ${attack}`, emailAddress: address }));
      await t.world.write(async (db) => {
        await db.update(User, { id: caller.id }, { name: `Actor ${attack}` });
        await db.update(Organization, { id: caller.organizationId }, { name: `Organization ${attack}` });
      });
      const { text: shown } = await page('/', await t.signIn(caller, user));
      for (const who of ['User', 'Actor', 'Organization'])
        expect(shown).toMatch(new RegExp(`${who} (&lt;|&#60;)script(&gt;|&#62;)alert\\((&quot;|&#34;)1`));
      expect(shown).toMatch(/\((&quot;|&#34;)(&lt;|&#60;)b(&gt;|&#62;)(&apos;|&#39;)(&amp;|&#38;)x/);
      expect(shown).not.toMatch(/<script|<img|<b>|onload='|alert\("|<\/dd><img/);
      expect(shown.match(/<\/title>/g)).toHaveLength(1);
    });

    it('S24: repeats nothing of its address', async () => {
      const mark = '<script>alert(1)</script>';
      for (const path of [
        `/login?token=${mark}`,
        `/login?${mark}=${mark}`,
        `/?x=${mark}`,
        `/login?token=a&token=${mark}`,
        `/login?token=${encodeURIComponent(mark)}`,
      ]) {
        const { text } = await page(path);
        expect({ path, found: text.includes('alert(1)') }).toEqual({ path, found: false });
      }
    });
  });

  describe('a session', () => {
    it('S27: of an administrator opens no route of the API, by any method', async () => {
      const cookie = await t.signIn(caller, await administrator());
      const { body } = await send('GET', '/openapi.json');
      // Whoever asks these is not asked who they are.
      const open = new Set([`${API}/version`, `${API}/token`]);
      const paths = Object.keys(body.paths).filter((path) => path.startsWith('/api/') && !open.has(path));
      expect(paths.length).toBeGreaterThanOrEqual(8);
      for (const path of paths) {
        for (const base of [API, '/api/2']) {
          const target = path.replace(API, base).replace(/\{\w+\}/g, 'self');
          const answers = await Promise.all(
            ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].map((method) =>
              send(method, target, { cookie, origin: HTTPS, 'sec-fetch-site': 'same-origin' }),
            ),
          );
          // A path has the methods that it has; what it has is closed.
          expect({ target, statuses: answers.map(({ status }) => status).filter((status) => status !== 405) }).toEqual({
            target,
            statuses: Object.keys(body.paths[path]).map(() => 401),
          });
          for (const { headers } of answers) expect(headers.getSetCookie()).toEqual([]);
        }
      }
    });

    it.each([
      { of: 'the access call', path: () => `/access/${user}` },
      { of: 'the access call by e-mail address', path: () => '/access/noor@academy.example' },
      { of: 'the access call for oneself', path: () => '/access/self' },
      { of: 'one’s own account', path: () => '/user/self' },
    ])('S27: yields no token and no answer of $of', async ({ path }) => {
      const cookie = await t.signIn(caller, await administrator());
      for (const sent of [cookie, cookie.replace('__Host-', ''), `access_token=${secretOf(cookie)}; ${cookie}`]) {
        const answer = await send('GET', API + path(), { cookie: sent, 'sec-fetch-site': 'same-origin' });
        expect({ status: answer.status, id: answer.body.id }).toEqual({ status: 401, id: 'not_authenticated' });
      }
    });

    it('S27: is no bearer token, no login token, and its login token is none of the API', async () => {
      const token = await t.loginToken(caller, await administrator());
      const cookie = cookieOf(await login(token));
      for (const bearer of [secretOf(cookie), token, hashSecret(secretOf(cookie))]) {
        for (const authorization of [`Bearer ${bearer}`, `OAuth ${bearer}`]) {
          expect((await send('GET', `${API}/access/${user}`, { cookie, authorization })).status).toBe(401);
        }
      }
      expect((await login(secretOf(cookie))).status).toBe(401);
    });

    it('S27: lends nothing to a bearer token that may do less', async () => {
      const cookie = await t.signIn(caller, await administrator());
      const powerless = await t.world.caller({ permissions: [] });
      const answer = await send('GET', `${API}/access/${user}`, { cookie, authorization: `Bearer ${powerless.token}` });
      expect({ status: answer.status, id: answer.body.id }).toEqual({ status: 403, id: 'not_authorized' });
    });

    it('S27: is not what the access call answers to: it takes the caller from the header alone', async () => {
      const cookie = await t.signIn(caller, await administrator());
      const { body } = await send('GET', `${API}/access/${user}`, { cookie, authorization: `Bearer ${caller.token}` });
      expect(new JwtService().decode<{ act: object }>(body.token).act).toEqual({ sub: caller.id });
    });

    it('S27: says who let the user in', async () => {
      const { body } = await send('GET', '/session', { cookie: await t.signIn(caller, await administrator()) });
      expect(body.actor).toMatchObject({ id: caller.id, clientId: caller.clientId });
    });
  });
});

describe('over plain http', () => {
  beforeAll(async () => {
    t = await TestApp.start({ PUBLIC_URL: HTTP });
  });
  afterAll(() => t.stop());
  beforeEach(arrange);

  it('S23: the cookie is latchkey, for this host alone, hidden from scripts', async () => {
    const answer = await login(await t.loginToken(caller, user));
    expect(effect(answer)).toEqual({ status: 303, location: '/', cookies: [expect.stringMatching(PLAIN_COOKIE)] });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(await visitor(cookieOf(answer))).toBe(user);
  });

  it('S23: with security=ssl the URL is https and the cookie is Secure', async () => {
    const { body } = await t.as(caller)(`/access/${user}?security=ssl`);
    expect(body.url).toBe(`${HTTPS}/login?token=${body.token}`);
    const answer = await login(body.token);
    expect(effect(answer)).toEqual({ status: 303, location: '/', cookies: [expect.stringMatching(SECURE_COOKIE)] });
    expect(await visitor(cookieOf(answer))).toBe(user);
  });

  it('S23: the secret of a session for https is not accepted under the plain name', async () => {
    const cookie = await t.signIn(caller, user, '?security=ssl');
    expect(cookie).toMatch(/^__Host-latchkey=/);
    expect([await visitor(`latchkey=${secretOf(cookie)}`), await visitor(cookie)]).toEqual([401, user]);
    // Neither for a login: the browser counts as one without a session.
    const other = await another();
    const answer = await login(await t.loginToken(caller, other), { cookie: `latchkey=${secretOf(cookie)}` });
    expect(await visitor(cookieOf(answer))).toBe(other);
  });

  it('S23: the secret of a plain session is not accepted under the name of the better protected one', async () => {
    const cookie = await t.signIn(caller, user);
    expect([await visitor(`__Host-latchkey=${secretOf(cookie)}`), await visitor(cookie)]).toEqual([401, user]);
  });

  it('S23: of two live sessions the better protected one counts, in any order', async () => {
    const secure = await t.signIn(caller, user, '?security=ssl');
    const plain = await t.signIn(caller, await another());
    expect([await visitor(`${plain}; ${secure}`), await visitor(`${secure}; ${plain}`)]).toEqual([user, user]);
  });

  it('S22: a cookie that the browser brought is never adopted', async () => {
    for (const old of [`latchkey=${newSecret()}`, `__Host-latchkey=${newSecret()}`, await loggedOut()]) {
      const cookie = cookieOf(await login(await t.loginToken(caller, user), { cookie: old }));
      expect(old).not.toContain(secretOf(cookie));
      expect([await visitor(cookie), await visitor(old)]).toEqual([user, 401]);
    }
  });

  it('S24: logging out ends every session that the browser shows, and clears both cookies', async () => {
    const secure = await t.signIn(caller, user, '?security=ssl');
    const plain = await t.signIn(caller, user);
    const answer = await send('POST', '/logout', { cookie: `${secure}; ${plain}`, 'sec-fetch-site': 'same-origin' });
    expect(answer.status).toBe(204);
    expect(
      answer.headers
        .getSetCookie()
        .map((cookie) => cookie.split(';')[0])
        .toSorted(),
    ).toEqual(['__Host-latchkey=', 'latchkey=']);
    expect([await visitor(secure), await visitor(plain)]).toEqual([401, 401]);
  });

  it.each([HTTP, HTTPS])(
    'S24: logging out is accepted from %s, where a session for https lives, too',
    async (origin) => {
      const cookie = await t.signIn(caller, user);
      expect((await send('POST', '/logout', { cookie, origin })).status).toBe(204);
      expect(await visitor(cookie)).toBe(401);
    },
  );

  it.each<{ of: string; headers: Sent }>([
    { of: 'another site', headers: { origin: EVIL } },
    { of: 'nobody', headers: {} },
    { of: 'another port', headers: { origin: `${HTTP}:8080` } },
  ])('S24: logging out is refused to $of', async ({ headers }) => {
    const cookie = await t.signIn(caller, user);
    expect((await send('POST', '/logout', { cookie, ...headers })).status).toBe(403);
    expect(await visitor(cookie)).toBe(user);
  });

  it('S20: a prefetch starts no session', async () => {
    const token = await t.loginToken(caller, user);
    expect(effect(await login(token, { 'sec-purpose': 'prefetch;prerender' }))).toEqual({
      status: 400,
      location: null,
      cookies: [],
    });
    expect((await login(token)).status).toBe(303);
  });

  it('S21: a bad token ends no live session', async () => {
    const cookie = await t.signIn(caller, user);
    expect(effect(await login('nonsense', { cookie }))).toEqual({ status: 303, location: '/', cookies: [] });
    expect(await visitor(cookie)).toBe(user);
  });
});

function page(path: string, cookie?: string): Promise<Answer> {
  return send('GET', path, { accept: 'text/html,application/xhtml+xml,*/*;q=0.8', ...(cookie ? { cookie } : {}) });
}

function policyOf({ headers }: Answer): Record<string, string> {
  const directives = headers.get('content-security-policy')!.split('; ');
  return Object.fromEntries(
    directives.map((directive) => [
      directive.slice(0, directive.indexOf(' ')),
      directive.slice(directive.indexOf(' ') + 1),
    ]),
  );
}

/** Everything that the page leads to or loads. */
function addressesIn({ text }: Answer): string[] {
  return [...text.matchAll(/\s(?:href|src|action|formaction|poster|data|srcset)\s*=\s*["']?([^"'\s>]*)/gi)].map(
    ([, address]) => address!,
  );
}

/** Whom the service takes the page of a frame with this cookie for. */
async function inFrame(cookie: string): Promise<string | number> {
  const { status, body } = await send('GET', '/session', { cookie, 'sec-fetch-dest': 'empty' });
  return status === 200 ? body.user.id : status;
}

async function link(query = '?delivery=link', who = user): Promise<string> {
  return t.loginToken(caller, who, query);
}

async function another(): Promise<string> {
  return (await t.world.userOf(caller, { name: 'Sem Bakker' })).id;
}

async function usedToken(): Promise<string> {
  const token = await t.loginToken(caller, await another());
  await login(token);
  return `?token=${token}`;
}

async function expiredToken(): Promise<string> {
  const token = await t.loginToken(caller, await another());
  t.clock.advance(121);
  return `?token=${token}`;
}

async function tokenOfSomebodyWhoLeft(): Promise<string> {
  const { id, groupId } = await t.world.userOf(caller);
  const token = await t.loginToken(caller, id);
  await t.world.leave(id, groupId);
  return `?token=${token}`;
}

async function loggedOut(): Promise<string> {
  const cookie = await t.signIn(caller, user);
  await send('POST', '/logout', { cookie, 'sec-fetch-site': 'same-origin' });
  return cookie;
}

async function timedOut(): Promise<string> {
  const cookie = await t.signIn(caller, user);
  t.clock.advance(1801);
  return cookie;
}

/** A user who may do everything, as far as the account goes. */
async function administrator(): Promise<string> {
  const { id } = await t.world.userOf(caller);
  // Only a caller with MANAGE_STAFF lets in who has more permissions.
  await t.world.grant(caller.id, 'MANAGE_STAFF');
  await t.world.write((db) => db.update(User, { id }, { staffOrganizationId: caller.organizationId }));
  await t.world.grant(
    id,
    'OBTAIN_ACCESS_TOKENS',
    'MANAGE_USERS',
    'CREATE_GROUPS',
    'MANAGE_ALL_GROUPS',
    'MANAGE_STAFF',
    'MANAGE_SERVICE_ACCOUNTS',
    'VIEW_AUDIT_LOG',
  );
  return id;
}
