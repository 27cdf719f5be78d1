import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { cookieOf, outcome, TestApp } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { LETTING_PASS, PASSING_ON, PROXIES, SITE } from '../support/asking-proxies.js';
import { OTHER_SITE, PAGE, caller, effect, setUp, t, identityIn, user } from './setup.js';

setUp();

describe('without a session', () => {
  it.each(PASSING_ON)('$proxy gets a page that says what to do', async ({ ask }) => {
    const answer = await ask(t.url, { uri: '/course?x=1', headers: PAGE });
    expect(effect(answer)).toEqual({ status: 401, location: null, cookies: [] });
    expect(answer.text).toContain('<h1>You are not signed in</h1>');
    expect([answer.headers.get('cache-control'), answer.headers.get('www-authenticate')]).toEqual([
      'no-store',
      'Bearer realm="latchkey"',
    ]);
  });

  it.each(PASSING_ON)('$proxy gets an object for a program', async ({ ask }) => {
    const answer = await ask(t.url, { headers: { accept: 'application/json' } });
    expect(outcome(answer)).toEqual([401, 'not_authenticated']);
  });

  it('nginx gets the status and nothing else', async () => {
    const answer = await PROXIES.nginx(t.url, { headers: PAGE });
    expect({ ...effect(answer), text: answer.text }).toEqual({ status: 401, location: null, cookies: [], text: '' });
  });

  it.each(['latchkey=', 'latchkey=unknown', `latchkey=${'A'.repeat(43)}`, 'other=1', '__Host-latchkey=x'])(
    '%s is none',
    async (cookie) => {
      for (const { ask } of LETTING_PASS) expect((await ask(t.url, { headers: { cookie } })).status).toBe(401);
    },
  );

  describe('and SIGN_IN_URL', () => {
    const SIGN_IN_URL = 'https://host.example/courses?from=learn';
    let other: TestApp;
    beforeAll(async () => {
      other = await TestApp.startOnSameDatabase({ TRUSTED_PROXIES: '127.0.0.1', SIGN_IN_URL });
    });
    afterAll(() => other.nest.close());

    it.each(PASSING_ON)('$proxy sends a person who goes to a page there', async ({ ask }) => {
      const answer = await ask(other.url, { uri: '/course?id=1&part=2', headers: PAGE });
      const location = `${SIGN_IN_URL}&return_to=${encodeURIComponent(`${SITE}/course?id=1&part=2`)}`;
      expect(effect(answer)).toEqual({ status: 302, location, cookies: [] });
      expect(answer.headers.get('cache-control')).toBe('no-store');
    });

    it.each(PASSING_ON)('a browser that refuses cookies is not sent in circles by $proxy', async ({ proxy, ask }) => {
      const headers = { ...PAGE, 'user-agent': `A browser behind ${proxy}` };
      const statuses: number[] = [];
      for (let i = 0; i < 8; i++) statuses.push((await ask(other.url, { headers })).status);
      expect(statuses).toEqual([302, 302, 302, 302, 302, 401, 401, 401]);
      const { text } = await ask(other.url, { headers });
      expect(text).toContain('your browser blocks cookies');
      expect(text).toContain(`href="${SIGN_IN_URL}&#38;return_to=${encodeURIComponent(`${SITE}/`)}"`);
      const cookie = await t.signIn(caller, user);
      await t.call('/logout', { method: 'POST', headers: { cookie, 'sec-fetch-site': 'same-origin' } });
      for (const more of [{ 'user-agent': 'Another browser' }, { cookie }])
        expect((await ask(other.url, { headers: { ...headers, ...more } as Record<string, string> })).status).toBe(302);
    });

    it('hands on the page that was asked for, so that a token for it leads there', async () => {
      const site = 'https://learn.example';
      const host = await t.world.caller({ origins: [site] });
      const { id } = await t.world.userOf(host);
      const sent = await PROXIES.traefik(other.url, { site, uri: '/a%20b?x=%26&y', headers: PAGE });
      const returnTo = new URL(sent.headers.get('location')!).searchParams.get('return_to')!;
      expect(returnTo).toBe(`${site}/a%20b?x=%26&y`);
      const access = await t.as(host)(`/access/${id}?returnTo=${encodeURIComponent(returnTo)}`);
      expect(access.status).toBe(200);
      const login = await t.call(`/login?token=${access.body.token}`);
      expect([login.status, login.headers.get('location')]).toEqual([303, returnTo]);
    });

    it.each([
      { of: 'a site of nobody', site: 'https://unknown.example', uri: '/' },
      { of: 'another port of ours', site: `${SITE}:8080`, uri: '/' },
      { of: 'a name that only begins like ours', site: `${SITE}.evil.example`, uri: '/' },
      { of: 'a page whose address no token takes', site: SITE, uri: `/${'a'.repeat(2100)}` },
    ])('hands nothing on of $of', async ({ site, uri }) => {
      const answer = await PROXIES.traefik(other.url, { site, uri, headers: PAGE });
      expect(effect(answer)).toEqual({ status: 302, location: SIGN_IN_URL, cookies: [] });
    });

    it('is linked on the page of a link that leads nowhere, with the page that it was for', async () => {
      const query = new URLSearchParams({ oauth_token: await t.loginToken(caller, user) }).toString();
      const ask = (): Promise<Answer> => PROXIES.traefik(other.url, { uri: `/course?${query}`, headers: PAGE });
      expect((await ask()).status).toBe(303);
      const used = await ask();
      expect(used.status).toBe(410);
      expect(used.text).toContain(
        `&#38;return_to=${encodeURIComponent(`${SITE}/course`)}" target="_top">Sign in at host.example</a>`,
      );
    });

    it.each([
      { of: 'a script', headers: { 'sec-fetch-dest': 'empty', accept: '*/*' }, method: 'GET' },
      { of: 'an image', headers: { 'sec-fetch-dest': 'image', accept: 'image/*' }, method: 'GET' },
      { of: 'a prefetch', headers: { ...PAGE, 'sec-purpose': 'prefetch' }, method: 'GET' },
      { of: 'a program', headers: { accept: 'application/json' }, method: 'GET' },
      { of: 'a form', headers: PAGE, method: 'POST' },
    ])('$of gets 401', async ({ headers, method }) => {
      for (const { ask } of PASSING_ON)
        expect((await ask(other.url, { method, headers: headers as Record<string, string> })).status).toBe(401);
      expect((await PROXIES.nginx(other.url, { headers: PAGE })).status).toBe(401);
    });
  });
});

describe('a preflight', () => {
  const PREFLIGHT = { origin: OTHER_SITE, 'access-control-request-method': 'PUT' };
  const NOBODY = {
    'X-Latchkey-User': '',
    'X-Latchkey-Email': '',
    'X-Latchkey-Name': '',
    'X-Latchkey-Third-Party-Ids': '',
    'X-Latchkey-Actor': '',
  };

  it.each(LETTING_PASS)('passes by way of $proxy as nobody’s, for a site in PREFLIGHT_SITES', async ({ ask }) => {
    const answer = await ask(t.url, { uri: '/things', method: 'OPTIONS', headers: { ...PREFLIGHT, cookie: 'a=1' } });
    expect(identityIn(answer)).toEqual({ status: 200, cookie: '', ...NOBODY });
    expect([answer.headers.get('x-latchkey-assertion'), answer.headers.get('cache-control')]).toEqual(['', 'no-store']);
    expect(answer.headers.getSetCookie()).toEqual([]);
  });

  it.each(LETTING_PASS)(
    'by way of $proxy is refused for every other site, and so is what is no preflight',
    async ({ ask }) => {
      const { origin, ...method } = PREFLIGHT;
      const asked = { uri: '/things', method: 'OPTIONS', headers: PREFLIGHT };
      for (const request of [
        { ...asked, site: 'http://other.test' },
        { ...asked, method: 'GET' },
        { ...asked, method: 'POST', headers: { ...PREFLIGHT, 'x-http-method': 'OPTIONS' } },
        { ...asked, headers: { origin } },
        { ...asked, headers: method },
      ])
        expect([request, (await ask(t.url, request)).status]).toEqual([request, 401]);
      const withToken = { ...asked, uri: `/things?oauth_token=${await t.loginToken(caller, user)}` };
      expect((await ask(t.url, withToken)).status).toBeGreaterThanOrEqual(400);
    },
  );

  it.each([
    'x-http-method-override',
    'X-Method-Override',
    'x-http-method',
    'x_http_method',
    'x_method_override',
    'x.http.method.override',
    'x--http--method--override',
    'xhttpmethodoverride',
    'X-HTTPMethod-Override',
    'http-method-override',
    'method_override',
  ])('with %s, which makes frameworks use another method, is refused', async (name) => {
    for (const { ask } of LETTING_PASS) {
      const headers = { ...PREFLIGHT, [name]: 'DELETE' };
      expect((await ask(t.url, { uri: '/things', method: 'OPTIONS', headers })).status).toBe(401);
    }
  });

  it.each(['x-request-method', 'x-method-id', 'x-override', 'x-http2'])('with %s passes', async (name) => {
    for (const { ask } of LETTING_PASS) {
      const headers = { ...PREFLIGHT, [name]: 'DELETE' };
      expect((await ask(t.url, { uri: '/things', method: 'OPTIONS', headers })).status).toBe(200);
    }
  });

  it('is none by what nginx passes on of the browser’s, or after a 401', async () => {
    const headers = { ...PREFLIGHT, 'x-forwarded-method': 'OPTIONS' };
    expect((await PROXIES.nginx(t.url, { method: 'GET', headers })).status).toBe(401);
    expect((await PROXIES.nginxPage(t.url, { method: 'OPTIONS', headers: PREFLIGHT })).status).toBe(401);
  });

  it('of somebody with a session is theirs', async () => {
    const cookie = cookieOf(await t.login(await t.loginToken(caller, user)));
    const answer = await PROXIES.caddy(t.url, { method: 'OPTIONS', headers: { ...PREFLIGHT, cookie } });
    expect([answer.status, answer.headers.get('x-latchkey-user')]).toEqual([200, user]);
  });
});
