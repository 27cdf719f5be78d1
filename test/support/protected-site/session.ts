import { request } from 'node:https';
import { connect } from 'node:tls';
import { describe, expect, it } from '@jest/globals';
import { cookieOf } from '../app.js';
import { headerOf } from '../echo-application.js';
import { raw } from '../raw.js';
import { application, ask, caller, identity, otherSite, PAGE, signIn, site, t, user } from './setup.js';

const STALENESS_MS = 2000;
/** A site of another organization, behind another proxy. */
const FOREIGN = 'foreign.example';
const HEADERS = ['User', 'Email', 'Name', 'Third-Party-Ids', 'Actor', 'Assertion'].map((name) => `X-Latchkey-${name}`);

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

/** What the application gets of the requests with a session. */
export function itLetsSessionsThrough(): void {
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
      await t.world.endSessions(user);
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
        for (const headers of [{}, { 'x-forwarded-proto': 'https' }, { 'x-original-url': `${otherSite}/` }]) {
          const answer = await ask(path, { cookie, ...(headers as Record<string, string>) });
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
