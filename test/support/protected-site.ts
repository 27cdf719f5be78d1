import { request } from 'node:https';
import { connect } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Browser, Frame } from 'playwright-core';
import { Session } from '../../src/schema/entities/session.entity.js';
import { cookieOf, TestApp } from './app.js';
import type { Answer } from './app.js';
import { launchChromium } from './chromium.js';
import { EchoApplication, headerOf } from './echo-application.js';
import { freePort } from './free-port.js';
import { LOCAL_NAMES, serveHttps } from './https-sites.js';
import { servePages } from './pages.js';
import type { Proxy } from './proxy.js';
import { raw } from './raw.js';
import type { TestCaller } from './world.js';

const STALENESS_MS = 2000;
/** A site of another organization, behind another proxy. */
const FOREIGN = 'foreign.example';
/** Open to everybody, by the recipe in docs/proxies.md. */
export const OPEN_PATH = '/payment/return';
const PAGE = { accept: 'text/html', 'sec-fetch-dest': 'document' };
const HEADERS = ['User', 'Email', 'Name', 'Third-Party-Ids', 'Actor', 'Assertion'].map((name) => `X-Latchkey-${name}`);

/** Ports of 127.0.0.1. */
export interface Ports {
  site: number;
  latchkey: number;
  application: number;
}

/** Spellings that an application may confuse with the header's own name. */
const SPELLINGS = HEADERS.flatMap((name) => [
  name,
  name.toLowerCase(),
  name.toUpperCase(),
  name.replaceAll('-', '_'),
  name.replace('-', '_'),
  name.replace(/-(?=[^-]*$)/, '_'),
  name.toLowerCase().replaceAll('-', '_'),
]);

/** Tests a site that stands behind Latchkey and a proxy with the configuration that we ship. */
export function itProtects(startProxy: (ports: Ports) => Promise<Pick<Proxy, 'stop'>>): void {
  let t: TestApp;
  let application: EchoApplication;
  let proxy: Pick<Proxy, 'stop'>;
  let browser: Browser;
  /** The public URL, and a second site of the same client on another host. */
  let site: string;
  let otherSite: string;
  /** Another site that may frame the first one, and one that may not. */
  let host: string;
  let stranger: string;
  let pages: Awaited<ReturnType<typeof servePages>>;
  let https: Proxy;
  let caller: TestCaller;
  let user: string;
  let isAway = false;

  beforeAll(async () => {
    const [port, latchkey] = [await freePort(), await freePort()];
    site = `https://localhost:${port}`;
    otherSite = `https://127.0.0.1:${port}`;
    const settings = { PUBLIC_URL: site, TRUSTED_PROXIES: '127.0.0.1', PREFLIGHT_SITES: site };
    t = await TestApp.start(settings, latchkey);
    application = await EchoApplication.start();
    proxy = await startProxy({ site: port, latchkey, application: application.port });
    pages = await servePages();
    const pagesPort = await freePort();
    [host, stranger] = [`https://host.test:${pagesPort}`, `https://stranger.test:${pagesPort}`];
    https = await serveHttps({ [host]: pages.port, [stranger]: pages.port }, await freePort());
    browser = await launchChromium([LOCAL_NAMES, '--test-third-party-cookie-phaseout']);
    caller = await t.world.caller({ origins: [otherSite, host] });
  });
  afterAll(async () => {
    await browser?.close();
    await proxy?.stop();
    await https?.stop();
    pages?.server.close();
    await application?.stop();
    await t?.stop();
  });
  beforeEach(async () => {
    if (isAway) return;
    ({ id: user } = await t.world.userOf(caller, { name: 'Zoë Åkerström' }));
    application.seen.length = 0;
  });

  function ask(path: string, headers: Record<string, string | string[]> = {}, method = 'GET'): Promise<Answer> {
    return raw(site, path, { method, headers: { ...PAGE, ...headers } });
  }

  async function signIn(): Promise<string> {
    return cookieOf(await ask(`/?oauth_token=${await t.loginToken(caller, user)}`));
  }

  /** The identity as a program receives it that treats `_` like `-`. */
  function identity(): Record<string, string[]> {
    const told: Record<string, string[]> = {};
    for (const [name, value] of application.last.headers)
      if (/latchkey/i.test(name)) (told[name.toLowerCase().replaceAll('_', '-')] ??= []).push(value);
    return told;
  }

  describe('in a real browser', () => {
    it('any page with oauth_token is that page, signed in, at the first try', async () => {
      const context = await browser.newContext({ ignoreHTTPSErrors: true });
      const page = await context.newPage();
      const token = await t.loginToken(caller, user);
      await page.goto(`${site}/course/1?a=%7E&oauth_token=${token}&b=c+d#part-2`);
      expect(page.url()).toBe(`${site}/course/1?a=%7E&b=c+d#part-2`);
      expect(await page.textContent('#user')).toBe(user);
      const pages = application.seen.filter(({ url }) => url.startsWith('/course'));
      expect(pages.map(({ url }) => url)).toEqual(['/course/1?a=%7E&b=c+d']);
      const [cookie] = await context.cookies();
      expect(cookie).toMatchObject({ name: '__Host-latchkey', domain: 'localhost', httpOnly: true, secure: true });
      for (const secret of [token, cookie!.value]) expect(JSON.stringify(application.seen)).not.toContain(secret);
      await context.close();
    });

    it('the link of the access call leads to the site, and logging out leads out of it', async () => {
      const context = await browser.newContext({ ignoreHTTPSErrors: true });
      const page = await context.newPage();
      const { body } = await t.as(caller)(`/access/${user}?returnTo=/course/7`);
      await page.goto(body.url);
      expect([page.url(), await page.textContent('#user')]).toEqual([`${site}/course/7`, user]);
      expect(await page.evaluate(async () => (await fetch('/logout', { method: 'POST' })).status)).toBe(204);
      expect((await page.goto(`${site}/course/7`))!.status()).toBe(401);
      expect(await page.textContent('h1')).toBe('You are not signed in');
      await context.close();
    });
  });

  it('in a frame of the host, a token for it signs in, and the frame stays signed in', async () => {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const page = await context.newPage();
    const frameOf = async (origin: string, src: string): Promise<Frame> => {
      await page.goto(`${origin}/frame?src=${encodeURIComponent(src)}`, { waitUntil: 'networkidle' });
      return page.frames()[1]!;
    };
    const token = await t.loginToken(caller, user, `?embed=${host}`);
    const frame = await frameOf(host, `${site}/course/1?oauth_token=${token}&a=1`);
    expect([frame.url(), await frame.textContent('#user')]).toEqual([`${site}/course/1?a=1`, user]);
    expect(await (await frameOf(host, `${site}/course/2`)).textContent('#user')).toBe(user);
    expect(JSON.stringify(application.seen)).not.toMatch(new RegExp(`${token}|latchkey-embed`));
    // The page that refuses can't be framed either.
    await (await frameOf(stranger, `${site}/course/2`)).waitForURL('chrome-error://chromewebdata/');
    expect((await page.goto(`${site}/course/2`))!.status()).toBe(401);
    await context.close();
  });

  it('a preflight passes as nobody’s for a site in PREFLIGHT_SITES', async () => {
    const preflight = { origin: 'https://other.example', 'access-control-request-method': 'PUT' };
    const headers = { ...preflight, cookie: '__Host-latchkey=x; a=1', 'x-latchkey-user': 'admin' };
    expect((await raw(site, '/things?a=1', { method: 'OPTIONS', headers })).status).toBe(200);
    const { method, url } = application.last;
    expect([method, url, identity()['x-latchkey-user']?.join('') ?? '']).toEqual(['OPTIONS', '/things?a=1', '']);
    expect(headerOf(application.last, 'Cookie')).toBe('');
    application.seen.length = 0;
    expect((await raw(otherSite, '/things', { method: 'OPTIONS', headers })).status).toBe(401);
    const forged = { ...headers, 'x-forwarded-method': 'OPTIONS' };
    for (const said of ['GET', 'POST'])
      expect((await raw(site, '/things', { method: said, headers: forged })).status).toBe(401);
    expect(application.seen).toEqual([]);
  });

  it('a form of another site reaches an open path as nobody’s, and leads to a page with the session', async () => {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const page = await context.newPage();
    await page.goto(`${site}/?oauth_token=${await t.loginToken(caller, user)}`);
    await page.goto(`${host}/form?to=${encodeURIComponent(`${site}${OPEN_PATH}`)}`);
    await page.getByRole('button').click();
    await page.waitForURL(`${site}/course/paid`);
    expect(await page.textContent('#user')).toBe(user);
    const form = application.seen.find(({ url }) => url === OPEN_PATH)!;
    expect([form.method, form.body, headerOf(form, 'X-Latchkey-User')]).toEqual(['POST', 'order=7', '']);
    await context.close();

    const forged = { cookie: '__Host-latchkey=x; a=1', 'x-latchkey-user': 'admin', x_latchkey_user: 'admin' };
    await raw(site, OPEN_PATH, { method: 'POST', headers: forged });
    expect([identity()['x-latchkey-user']?.join('') ?? '', headerOf(application.last, 'Cookie')]).toEqual(['', '']);
    for (const path of [`${OPEN_PATH}/x`, '/payment', `/x/..${OPEN_PATH}/../x`])
      expect((await raw(site, path, { method: 'POST' })).status).toBe(401);
  });

  describe('with a session', () => {
    it('the application is told who it is, and gets its own cookies and none of ours', async () => {
      const cookie = await signIn();
      expect((await ask('/a%2Fb?x=1', { cookie: `a=1; ${cookie}; b=2` })).status).toBe(200);
      expect([application.last.url, headerOf(application.last, 'Cookie')]).toEqual(['/a%2Fb?x=1', 'a=1; b=2']);
      expect(identity()).toMatchObject({
        'x-latchkey-user': [user],
        'x-latchkey-name': ['Zo%C3%AB %C3%85kerstr%C3%B6m'],
        'x-latchkey-actor': [caller.id],
        'x-latchkey-assertion': [expect.stringMatching(/^eyJ/)],
      });
      await ask('/', { cookie });
      expect(headerOf(application.last, 'Cookie')).toBe('');
    });

    it.each(SPELLINGS)('S30: %s of a browser does not reach it', async (name) => {
      const cookie = await signIn();
      application.seen.length = 0;
      const answer = await ask('/', { cookie, [name]: ['admin-1', 'admin-2'] });
      expect([200, 403]).toContain(answer.status);
      expect(JSON.stringify(application.seen)).not.toContain('admin');
      for (const { headers } of application.seen)
        for (const own of HEADERS)
          expect(
            headers.filter(([one]) => one.toLowerCase().replaceAll('_', '-') === own.toLowerCase()).length < 2,
          ).toBe(true);
    });

    it('S30: naming our headers in Connection makes nobody else of the visitor', async () => {
      const cookie = await signIn();
      await ask('/', { cookie, connection: 'close, X-Latchkey-User, X-Latchkey-Actor', 'x-latchkey-user': 'admin' });
      expect(JSON.stringify(application.seen)).not.toContain('admin');
    });

    it('S30: forwarded headers of a browser change nothing', async () => {
      const cookie = await signIn();
      const forged = {
        'x-forwarded-host': 'evil.example',
        'x-forwarded-uri': '/login',
        'x-original-url': 'https://x/',
      };
      const answer = await ask('/a', { cookie, ...forged, 'x-forwarded-method': 'OPTIONS', 'x-original-uri': '/' });
      expect([answer.status, application.last.url]).toEqual([200, '/a']);
    });

    it.each(['?page', '?', '?oauth_tokens=1', '?a=%zz&page'])(
      'an address with the query %s is that address',
      async (query) => {
        const cookie = await signIn();
        expect((await ask(`/course${query}`, { cookie })).status).toBe(200);
        expect(application.last.url).toBe(`/course${query}`);
      },
    );

    it('a body passes as it is, and so does the application’s own refusal', async () => {
      const cookie = await signIn();
      const body = 'x=1&'.repeat(50_000);
      const headers = { cookie, 'content-type': 'application/x-www-form-urlencoded' };
      const answer = await raw(site, '/form?y=2', { method: 'POST', headers, body });
      expect([answer.status, application.last.method, application.last.body === body]).toEqual([200, 'POST', true]);
      const own = await ask('/status/401', { cookie });
      expect([own.status, own.text.includes('<title>Application</title>')]).toEqual([401, true]);
      expect((await ask('/status/403', { cookie })).text).toContain('<title>Application</title>');
    });

    it('an upload of 20 MB passes, and one of somebody who is not signed in is refused', async () => {
      const cookie = await signIn();
      const body = ' '.repeat(20 * 1024 * 1024);
      expect((await raw(site, '/upload', { method: 'POST', headers: { cookie }, body })).status).toBe(200);
      expect(application.last.body.length).toBe(body.length);
      expect((await raw(site, '/upload', { method: 'POST', body })).status).toBe(401);
    });

    it('headers of 24 KiB pass, and larger ones than can be read are answered with a page', async () => {
      const cookie = await signIn();
      expect((await ask('/', { cookie, ...large(4) })).status).toBe(200);
      for (const path of ['/', '/login/sessions'])
        for (const count of [8, 11, 17, 30]) {
          const { status, headers } = await ask(path, { cookie, ...large(count) });
          if (status === 200) continue;
          const isPage = headers.get('content-type')?.startsWith('text/html') ?? false;
          expect({ path, count, isRefused: status >= 400 && status < 500, isPage }).toEqual({
            path,
            count,
            isRefused: true,
            isPage: true,
          });
        }
    });

    it('events come as the application sends them', async () => {
      const cookie = await signIn();
      const first = await new Promise<string>((resolve, reject) => {
        const call = request(`${site}/events`, { headers: { cookie }, rejectUnauthorized: false }, (response) => {
          response.once('data', (chunk: Buffer) => {
            resolve(chunk.toString());
            call.destroy();
          });
        });
        call.once('error', reject);
        call.end();
      });
      expect(first).toBe('data: 1\n\n');
    });

    it('a WebSocket passes', async () => {
      const answer = await upgrade(site, await signIn());
      expect(answer).toMatch(/^HTTP\/1\.1 101 /);
      expect(answer.toLowerCase()).toContain(`x-seen: ${user}`.toLowerCase());
      expect(answer).toMatch(/ping$/);
      expect(await upgrade(site, '')).toMatch(/^HTTP\/1\.1 401 /);
    });

    it('a token is dropped and not used up, also from a form', async () => {
      const cookie = await signIn();
      const token = await t.loginToken(caller, (await t.world.userOf(caller)).id);
      application.seen.length = 0;
      const answer = await ask(`/a?x=1&oauth_token=${token}&y`, { cookie });
      expect([answer.status, answer.headers.get('location'), answer.headers.getSetCookie()]).toEqual([
        303,
        `${site}/a?x=1&y`,
        [],
      ]);
      const form = await raw(site, `/a?oauth_token=${token}`, { method: 'POST', headers: { cookie }, body: 'x=1' });
      expect([form.status, form.headers.get('location')]).toEqual([307, `${site}/a`]);
      expect(application.seen).toEqual([]);
      expect((await t.login(token)).status).toBe(303);
    });

    it('S28: that ends, the next request is refused within two seconds', async () => {
      const cookie = await signIn();
      expect((await ask('/', { cookie })).status).toBe(200);
      await t.world.write((db) => db.update(Session, { userId: user }, { endedAt: new Date() }));
      const end = Date.now() + STALENESS_MS;
      while ((await ask('/', { cookie })).status !== 401) expect(Date.now()).toBeLessThan(end);
      expect((await ask('/', { cookie })).status).toBe(401);
    });

    it('S31: our own pages are no way to ask Latchkey, also not for another site', async () => {
      const cookie = await signIn();
      for (const path of [
        '/forward-auth/..%2flogin',
        '/forward-authx/..%2flogin',
        '/%66orward-auth/..%2flogin',
        '/forward-auth%2f..%2flogin',
        '/login/..%2fforward-auth',
        '/login/../forward-auth',
        '/oauth/..%2f..%2fforward-auth/x',
      ])
        for (const said of [{}, { 'x-forwarded-proto': 'https' }, { 'x-original-url': `${otherSite}/` }]) {
          const answer = await ask(path, { cookie, ...(said as Record<string, string>) });
          const names = [...answer.headers.keys()].filter((name) => name.startsWith('x-latchkey'));
          expect({ path, names }).toEqual({ path, names: [] });
        }
    });

    it('S31: the session of another organization is none here, whatever host the browser names', async () => {
      const origin = `https://${FOREIGN}:${new URL(site).port}`;
      const other = await t.world.caller({ origins: [origin] });
      const { id } = await t.world.userOf(other);
      const cookie = cookieOf(await t.login(await t.loginToken(other, id)));
      const token = await t.loginToken(other, id);
      for (const host of [FOREIGN, new URL(origin).host])
        for (const path of ['/', `/?oauth_token=${token}`]) {
          application.seen.length = 0;
          const answer = await raw(otherSite, path, { headers: { ...PAGE, host, cookie } });
          expect({ seen: application.seen, cookies: answer.headers.getSetCookie() }).toEqual({ seen: [], cookies: [] });
        }
      expect((await t.login(token)).status).toBe(303);
    });

    it('another site of the same client works in the same way, with a session of its own', async () => {
      const token = await t.loginToken(caller, user);
      const answer = await raw(otherSite, `/a?oauth_token=${token}`, { headers: PAGE });
      expect([answer.status, answer.headers.get('location')]).toEqual([303, `${otherSite}/a`]);
      expect((await raw(otherSite, '/a', { headers: { ...PAGE, cookie: cookieOf(answer) } })).status).toBe(200);
      expect(headerOf(application.last, 'X-Latchkey-User')).toBe(user);
    });
  });

  describe('S31: without a session, nothing of the application is open', () => {
    it.each([
      '/',
      '/course',
      '/login/',
      '/login/../course',
      '/login/..%2fcourse',
      '/login%2f..%2fcourse',
      '/login/%2e%2e/course',
      '/course/..;/login',
      '/oauth/../course',
      '/oauth/..%2f..%2fcourse',
      '/oauth%2fkeys',
      '/api/2/../../course',
      '//login',
      '/course//login',
      '/./course',
      '/course%00.css',
      '/course#/login',
      '/course#?oauth_token=x',
      '/course?/login',
      '/course?x=/login#/health',
      '/forward-auth',
      '/forward-auth/x',
      '/forward-auth?page',
      '/latchkey-forward-auth',
      '/course?oauth_token=',
      '/course?oauth%5Ftoken=x',
    ])('%s', async (path) => {
      for (const headers of [
        {},
        { 'x-forwarded-uri': '/login', 'x-original-url': `${site}/login` },
        { 'user-agent': 'kube-probe/1.31' },
      ]) {
        const answer = await ask(path, headers as Record<string, string>);
        expect({ seen: application.seen, isRefused: answer.status >= 400 }).toEqual({ seen: [], isRefused: true });
        expect([...answer.headers.keys()].filter((name) => name.startsWith('x-latchkey'))).toEqual([]);
      }
    });

    it.each(['OPTIONS', 'HEAD', 'TRACE', 'PROPFIND', 'POST', 'DELETE'])('by %s', async (method) => {
      const answer = await ask('/course', {}, method);
      expect([application.seen, answer.status >= 400]).toEqual([[], true]);
    });

    it('and a person sees a page that says what to do', async () => {
      const answer = await ask('/course?x=1');
      expect([answer.status, answer.headers.getSetCookie()]).toEqual([401, []]);
      expect(answer.text).toContain('<h1>You are not signed in</h1>');
      const object = await ask('/course', { accept: 'application/json' });
      expect([object.status, object.body.id]).toEqual([401, 'not_authenticated']);
    });
  });

  it('S33: wrong tokens are counted for the address that the proxy sees, whatever a browser says', async () => {
    await t.world.write((db) => db.query('DELETE FROM "failed_attempts"'));
    const forged = { 'x-forwarded-for': '203.0.113.99', 'x-real-ip': '203.0.113.99', forwarded: 'for=203.0.113.99' };
    await ask('/login?token=x', forged);
    await ask('/course?oauth_token=x', forged);
    const rows: { key: string }[] = await t.world.write((db) => db.query('SELECT "key" FROM "failed_attempts"'));
    expect([...new Set(rows.map(({ key }) => key.split(' ')[1]))]).toEqual(['127.0.0.1']);
  });

  it('session=switch ends the session of whoever was signed in', async () => {
    const { id: other } = await t.world.userOf(caller);
    const cookie = cookieOf(await ask(`/?oauth_token=${await t.loginToken(caller, other)}`));
    const token = await t.loginToken(caller, user, '?session=switch');
    const answer = await ask(`/a?oauth_token=${token}`, { cookie });
    expect([answer.status, answer.headers.get('location')]).toEqual([303, `${site}/a`]);
    await ask('/a', { cookie: cookieOf(answer) });
    expect(headerOf(application.last, 'X-Latchkey-User')).toBe(user);
    expect((await ask('/a', { cookie })).status).toBe(401);
  });

  describe('a token', () => {
    it('in another spelling signs in too, and does not reach the application', async () => {
      const token = await t.loginToken(caller, user);
      const answer = await ask(`/a?x&oauth%5Ftoken=${token}`);
      expect([answer.status, answer.headers.get('location'), application.seen]).toEqual([303, `${site}/a?x`, []]);
    });

    it('S20: is not used up by what only looks at the page', async () => {
      const path = `/a?oauth_token=${await t.loginToken(caller, user)}`;
      expect((await ask(path, { 'sec-purpose': 'prefetch' })).status).toBe(400);
      expect((await ask(path, { 'sec-fetch-dest': 'image' })).status).toBe(400);
      expect((await ask(path, {}, 'HEAD')).status).toBe(400);
      expect((await ask(path)).status).toBe(303);
    });

    it('that was used is a page that says so', async () => {
      const path = `/a?oauth_token=${await t.loginToken(caller, user)}`;
      await ask(path);
      const again = await ask(path);
      expect([again.status, again.headers.getSetCookie(), application.seen]).toEqual([410, [], []]);
      expect(again.text).toContain('<h1>This link was already used</h1>');
    });
  });

  it.each([
    { query: '?delivery=link', isSignedIn: false, button: 'Continue' },
    { query: '?session=ask', isSignedIn: true, button: 'Continue as Zoë Åkerström' },
    { query: '?session=ask&delivery=link', isSignedIn: true, button: 'Continue as Zoë Åkerström' },
  ])('a token with $query waits on a page, of which the application gets nothing', async ({ query, ...visit }) => {
    const { isSignedIn, button } = visit;
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const page = await context.newPage();
    const { id: other } = await t.world.userOf(caller, { name: 'Sem' });
    if (isSignedIn) await page.goto(`${site}/?oauth_token=${await t.loginToken(caller, other)}`);
    const token = await t.loginToken(caller, user, query);
    await page.goto(`${site}/course/1?a=%7E&oauth_token=${token}&b`);
    expect(application.seen.filter(({ url }) => url.startsWith('/course'))).toEqual([]);
    await page.getByRole('button', { name: button, exact: true }).click();
    expect(page.url()).toBe(`${site}/course/1?a=%7E&b`);
    expect(await page.textContent('#user')).toBe(user);
    expect(JSON.stringify(application.seen)).not.toContain(token);
    await context.close();
  });

  it('our own pages are there without a session, and /forward-auth is not', async () => {
    expect((await ask('/oauth/keys')).body.keys).toHaveLength(1);
    expect((await ask('/api/2/version')).status).toBe(200);
    expect((await ask('/login/continue.js')).headers.get('content-type')).toMatch(/^text\/javascript/);
    expect((await ask('/session', { accept: 'application/json' })).status).toBe(401);
    const cookie = await signIn();
    expect((await ask('/session', { cookie, accept: 'application/json' })).body.user.id).toBe(user);
    expect((await ask('/login/sessions', { cookie })).text).toContain('You are signed in');
    await ask('/forward-auth', { cookie });
    expect(application.last.url).toBe('/forward-auth');
  });

  // This test ends the service, so it comes last.
  it('nobody is let in while Latchkey is away', async () => {
    const cookie = await signIn();
    expect((await ask('/', { cookie })).status).toBe(200);
    await t.stop();
    isAway = true;
    application.seen.length = 0;
    for (const method of ['GET', 'POST', 'OPTIONS'])
      expect((await ask('/', { cookie }, method)).status).toBeGreaterThanOrEqual(500);
    expect(application.seen).toEqual([]);
  });
}

/** So many headers of 6 KiB each. */
function large(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-large-${i}`, 'x'.repeat(6 * 1024)]));
}

/** Requests a WebSocket and sends `ping` once it is open. Returns everything that came back. */
function upgrade(site: string, cookie: string): Promise<string> {
  const { hostname, port, host } = new URL(site);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), servername: 'localhost', rejectUnauthorized: false });
    let received = '';
    socket.once('error', reject);
    socket.once('close', () => resolve(received));
    socket.once('secureConnect', () => {
      socket.write(
        `GET /socket HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
          `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${cookie && `Cookie: ${cookie}\r\n`}\r\n`,
      );
    });
    socket.on('data', (chunk) => {
      const isFirst = received === '';
      received += chunk.toString();
      if (isFirst && received.startsWith('HTTP/1.1 101')) socket.write('ping');
      else socket.destroy();
    });
  });
}
