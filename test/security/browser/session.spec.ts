import { LoginToken } from '../../../src/schema/entities/login-token.entity.js';
import { describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { JwtService } from '@nestjs/jwt';
import { hashSecret, newSecret } from '../../../src/common/id.js';
import { PERMISSIONS } from '../../../src/schema/entities/account-permission.entity.js';
import { User } from '../../../src/schema/entities/user.entity.js';
import { cookieOf } from '../../support/app.js';
import { raw } from '../../support/raw.js';
import {
  EVIL,
  FOREIGN,
  HTTPS,
  SECURE_COOKIE,
  caller,
  effect,
  loggedOut,
  login,
  secretOf,
  send,
  sessionsOf,
  setUp,
  t,
  user,
  visitor,
} from './setup.js';
import type { Sent } from './setup.js';

const API = '/api/2.1.1';

/** A cookie's value with the hash that is stored in the place of its secret. */
function withStoredHash(value: string): string {
  const [id, secret] = value.split('.');
  return `${id}.${hashSecret(secret!)}`;
}

describe('under https', () => {
  setUp(HTTPS);

  describe('the secret of a session', () => {
    it('S22: is new at each login and has nothing of the token, the user or the session before', async () => {
      const secrets = new Set<string>();
      let cookie = '';
      for (let i = 0; i < 5; i++) {
        const token = await t.loginToken(caller, user);
        const { jti } = new JwtService().decode<{ jti: string }>(token);
        const before = cookie;
        cookie = cookieOf(await login(token, { cookie: before }));
        const secret = secretOf(cookie).split('.')[1]!;
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
        brought: async () => `__Host-latchkey=${withStoredHash(secretOf(await t.signIn(caller, user)))}`,
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
      expect(pair).toMatch(/^__Host-latchkey=[\w-]{22}\.[\w-]{43}$/);
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
      await t.world.write(async (db) => {
        const isPostgres = db.dataSource.options.type === 'postgres';
        await db.query(`DROP TRIGGER IF EXISTS "login_tokens_update"${isPostgres ? ' ON "login_tokens"' : ''}`);
        await db.update(LoginToken, { userId: user }, { secure: false });
      });
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
      (secret: string) => `__Host-latchkey=${withStoredHash(secret)}`,
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

async function timedOut(): Promise<string> {
  const cookie = await t.signIn(caller, user);
  t.passIdleTime();
  return cookie;
}

/** A user who may do everything, as far as the account goes. */
async function administrator(): Promise<string> {
  const { id } = await t.world.userOf(caller);
  // Only a caller with MANAGE_STAFF lets in who has more permissions.
  await t.world.grant(caller.id, 'MANAGE_STAFF');
  await t.world.write((db) => db.update(User, { id }, { staffOrganizationId: caller.organizationId }));
  await t.world.grant(id, ...PERMISSIONS);
  return id;
}
