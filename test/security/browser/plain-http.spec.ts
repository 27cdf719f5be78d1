import { describe, expect, it } from '@jest/globals';
import { newSecret } from '../../../src/common/id.js';
import { cookieOf } from '../../support/app.js';
import {
  EVIL,
  HTTP,
  HTTPS,
  SECURE_COOKIE,
  another,
  caller,
  effect,
  loggedOut,
  login,
  secretOf,
  send,
  setUp,
  t,
  user,
  visitor,
} from './setup.js';
import type { Sent } from './setup.js';

const PLAIN_COOKIE = /^latchkey=[\w-]{22}\.[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/;

describe('over plain http', () => {
  setUp(HTTP);

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
