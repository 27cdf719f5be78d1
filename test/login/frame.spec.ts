import { describe, expect, it } from '@jest/globals';
import { LoginService } from '../../src/sessions/login/login.service.js';
import type { LoginOutcome } from '../../src/sessions/login/login.service.js';
import { cookieOf } from '../support/app.js';
import { raw } from '../support/raw.js';
import {
  FRAME,
  HOST,
  HTML,
  OWN_FORM,
  WINDOW,
  another,
  caller,
  isUnused,
  newCaller,
  policyOf,
  send,
  setUp,
  t,
  titleOf,
  user,
  visit,
  visitor,
} from './setup.js';

const HTTPS = 'https://latchkey.test';

describe('a frame', () => {
  setUp({ PUBLIC_URL: HTTPS });

  const EMBED = `?embed=${HOST}`;

  it.each([
    'https://elsewhere.example',
    'http://host.example',
    `${HOST}/`,
    `${HOST}/course`,
    `${HOST}:443`,
    'https://HOST.example',
    'https://sub.host.example',
    '*',
    'null',
    "'self'",
    `${HOST} https://evil.example`,
    '',
  ])('is not for %j, which is no origin of the client', async (origin) => {
    const answer = await t.as(caller)(`/access/${user}?embed=${encodeURIComponent(origin)}`);
    expect({ status: answer.status, id: answer.body.id, field: answer.body.field }).toEqual({
      status: 400,
      id: 'incorrect_field',
      field: 'embed',
    });
  });

  it('is not for what is registered but no origin', async () => {
    await newCaller([`${HOST}; script-src *`, 'myapp://host']);
    for (const origin of [`${HOST}; script-src *`, 'myapp://host'])
      expect((await t.as(caller)(`/access/${user}?embed=${encodeURIComponent(origin)}`)).status).toBe(400);
  });

  it('has a cookie of its own that is partitioned, and a session that says the same', async () => {
    const answer = await visit(await t.loginToken(caller, user, EMBED), FRAME);
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/']);
    const [cookie, ...others] = answer.headers.getSetCookie();
    expect(others).toEqual([]);
    const [pair, ...attributes] = cookie!.split('; ');
    expect(pair).toMatch(/^__Host-latchkey-embed=[\w-]{22}\.[\w-]{43}$/);
    expect(attributes.toSorted()).toEqual(['HttpOnly', 'Partitioned', 'Path=/', 'SameSite=None', 'Secure']);
    expect(await visitor(pair!)).toBe(user);
  });

  it('is where its token works, and nowhere else', async () => {
    const token = await t.loginToken(caller, user, EMBED);
    for (const headers of [WINDOW, { accept: HTML }]) {
      const answer = await visit(token, headers);
      expect([answer.status, answer.headers.getSetCookie(), await isUnused(token)]).toEqual([400, [], true]);
    }
    expect((await visit(token, FRAME)).status).toBe(303);
  });

  it('is where its session works, and nowhere else', async () => {
    const cookie = cookieOf(await visit(await t.loginToken(caller, user, EMBED), FRAME));
    const landing = async (headers: Record<string, string>): Promise<string | undefined> =>
      titleOf(await raw(t.url, '/', { headers: { ...headers, cookie } }));
    expect(await landing(FRAME)).toBe('You are signed in');
    expect(await landing(WINDOW)).toBe('You are not signed in');
    expect(await landing({})).toBe('You are not signed in');
    const secret = cookie.split('=')[1]!;
    for (const name of ['__Host-latchkey', 'latchkey', '__Host-latchkey-EMBED', 'latchkey-embed'])
      expect(await visitor(`${name}=${secret}`)).toBe(401);
  });

  it('does not take the session of a window under its own name', async () => {
    const secret = (await t.signIn(caller, user)).split('=')[1]!;
    expect(await visitor(`__Host-latchkey-embed=${secret}`)).toBe(401);
  });

  it('is refused as an outcome of the login, which says who may frame the page and where the token led', async () => {
    const page = { embedOrigin: HOST, returnTo: '/course' };
    const token = await t.loginToken(caller, user, `${EMBED}&returnTo=/course`);
    const refused = (id: string): unknown => ({ is: 'refused', error: expect.objectContaining({ id }), page });
    expect(await redeem(token, WINDOW)).toEqual(refused('invalid_request'));
    expect(await redeem(token, FRAME)).toMatchObject({ is: 'started' });
    expect(await redeem(token, FRAME)).toEqual(refused('token_used'));
    const late = await t.loginToken(caller, user, `${EMBED}&returnTo=/course`);
    t.clock.advance(121);
    expect(await redeem(late, FRAME)).toEqual(refused('token_expired'));
    const forged = await redeem('forged', WINDOW);
    expect(forged).toEqual({ is: 'refused', error: expect.objectContaining({ id: 'invalid_token' }) });
  });

  it('shows pages that only the origin of its token can frame', async () => {
    const token = await t.loginToken(caller, user, `${EMBED}&delivery=link`);
    const button = await visit(token, FRAME);
    const cookie = cookieOf(await send(token, 'open', FRAME));
    const landing = await raw(t.url, '/', { headers: { ...FRAME, cookie } });
    const used = await visit(token, FRAME);
    const ask = await visit(await t.loginToken(caller, await another(), `${EMBED}&session=ask`), { ...FRAME, cookie });
    const late = await t.loginToken(caller, user, EMBED);
    t.clock.advance(121);
    const expired = await visit(late, FRAME);
    expect([button, landing, used, ask, expired].map((page) => [page.status, titleOf(page)])).toEqual([
      [200, 'One more step'],
      [200, 'You are signed in'],
      [410, 'This link was already used'],
      [200, 'Continue as somebody else?'],
      [410, 'This link has expired'],
    ]);
    for (const page of [button, landing, used, ask, expired]) {
      expect(policyOf(page)).toContain(`frame-ancestors ${HOST}`);
      expect(page.headers.get('x-frame-options')).toBeNull();
    }
  });

  it('shows an ordinary token a page of its own site alone, on which the token waits until it is shown', async () => {
    const token = await t.loginToken(caller, user, '?returnTo=/course');
    for (const site of ['cross-site', 'same-site', 'same-origin', 'none']) {
      const page = await visit(token, { ...FRAME, 'sec-fetch-site': site });
      expect([page.status, page.headers.getSetCookie(), await isUnused(token)]).toEqual([200, [], true]);
      expect(policyOf(page)).toContain("frame-ancestors 'self'");
      expect(page.text).toContain('/login/continue.js');
    }
    const answer = await send(token, 'open', FRAME);
    expect([answer.status, answer.headers.get('location'), await isUnused(token)]).toEqual([303, '/course', false]);
  });

  it('shows no other page', async () => {
    const ordinary = await t.signIn(caller, user);
    for (const [path, cookie] of [
      ['/', ''],
      ['/', ordinary],
      ['/login', ''],
      ['/login?token=x', ''],
      [`/login?token=${await t.loginToken(caller, user, '?delivery=link')}`, ''],
      ['/guides/service-accounts', ''],
    ]) {
      const page = await raw(t.url, path!, { headers: { ...FRAME, cookie: cookie! } });
      expect(policyOf(page)).toContain("frame-ancestors 'none'");
      expect(page.headers.get('x-frame-options')).toBe('DENY');
    }
    for (const path of ['/docs', '/openapi.json', '/session', '/health', '/nothing', '/api/2.1.1/user'])
      expect((await t.call(path)).headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
  });

  it('ends its own session with the form of its page, shows what happened, and leaves the window’s session alone', async () => {
    const [window, other] = [await t.signIn(caller, user), await another()];
    const cookie = cookieOf(await visit(await t.loginToken(caller, other, EMBED), FRAME));
    const answer = await raw(t.url, '/logout', {
      method: 'POST',
      headers: { ...FRAME, ...OWN_FORM, cookie: `${window}; ${cookie}` },
    });
    expect([answer.status, titleOf(answer)]).toEqual([200, 'You are not signed in']);
    expect(policyOf(answer)).toContain(`frame-ancestors ${HOST}`);
    expect(answer.headers.getSetCookie()).toEqual([
      expect.stringMatching(
        /^__Host-latchkey-embed=; Max-Age=0; Path=\/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure; Partitioned; SameSite=None$/,
      ),
    ]);
    expect([await visitor(cookie), await visitor(window)]).toEqual([401, user]);
  });

  it('keeps its session when the window logs out', async () => {
    const [window, other] = [await t.signIn(caller, user), await another()];
    const cookie = cookieOf(await visit(await t.loginToken(caller, other, EMBED), FRAME));
    await raw(t.url, '/logout', {
      method: 'POST',
      headers: { ...WINDOW, ...OWN_FORM, cookie: `${window}; ${cookie}` },
    });
    expect([await visitor(cookie), await visitor(window)]).toEqual([other, 401]);
  });

  it('has a session beside that of the window, where the browser sends both', async () => {
    const window = await t.signIn(caller, user);
    const other = await another();
    const token = await t.loginToken(caller, other, EMBED);
    const started = await visit(token, { ...FRAME, cookie: window });
    const both = `${window}; ${cookieOf(started)}`;
    const seen = async (headers: Record<string, string>): Promise<string> =>
      (await raw(t.url, '/', { headers: { ...headers, cookie: both } })).text;
    expect(await seen(FRAME)).toContain('Sem Bakker');
    expect(await seen(WINDOW)).toContain('Noor de Vries');
  });

  it('ignores its token in a window with a session', async () => {
    const window = await t.signIn(caller, user);
    const token = await t.loginToken(caller, await another(), `${EMBED}&session=switch`);
    const answer = await visit(token, { ...WINDOW, cookie: window });
    expect([answer.status, answer.headers.getSetCookie(), await isUnused(token)]).toEqual([303, [], true]);
    expect(await visitor(window)).toBe(user);
  });

  it('does not give its session up for a token of a window', async () => {
    const cookie = cookieOf(await visit(await t.loginToken(caller, user, EMBED), FRAME));
    const token = await t.loginToken(caller, await another(), '?session=switch');
    const answer = await visit(token, { ...FRAME, cookie });
    expect([answer.status, answer.headers.getSetCookie(), await isUnused(token)]).toEqual([200, [], true]);
    expect(await visitor(cookie)).toBe(user);
  });

  it.each([
    { mode: 'keep', kept: true },
    { mode: 'switch', kept: false },
  ])('counts its own session as the live one: session=$mode', async ({ mode, kept }) => {
    const cookie = cookieOf(await visit(await t.loginToken(caller, user, EMBED), FRAME));
    const other = await another();
    const answer = await visit(await t.loginToken(caller, other, `${EMBED}&session=${mode}`), { ...FRAME, cookie });
    expect(answer.headers.getSetCookie()).toHaveLength(kept ? 0 : 1);
    expect(await visitor(cookie)).toBe(kept ? user : 401);
  });

  it('of another origin on the same site has a session of its own, in the place of the one before', async () => {
    const cookie = cookieOf(await visit(await t.loginToken(caller, user, EMBED), FRAME));
    const token = await t.loginToken(caller, user, '?embed=https://portal.host.example');
    const after = cookieOf(await visit(token, { ...FRAME, cookie }));
    expect([await visitor(cookie), await visitor(after)]).toEqual([401, user]);
    const page = await raw(t.url, '/', { headers: { ...FRAME, cookie: after } });
    expect(policyOf(page)).toContain('frame-ancestors https://portal.host.example');
  });

  it.each([
    { 'sec-fetch-site': 'cross-site', origin: HOST },
    { origin: HOST },
    { 'sec-fetch-site': 'same-site' },
    {},
  ] as Record<string, string>[])('is not logged out by the page around it: %j', async (headers) => {
    const cookie = cookieOf(await visit(await t.loginToken(caller, user, EMBED), FRAME));
    const { status } = await raw(t.url, '/logout', { method: 'POST', headers: { ...FRAME, cookie, ...headers } });
    expect([status, await visitor(cookie)]).toEqual([403, user]);
  });
});

describe('a frame on localhost', () => {
  setUp({ PUBLIC_URL: 'http://localhost:3000' });

  it('needs no https', async () => {
    const { status, body } = await t.as(caller)(`/access/${user}?embed=${HOST}`);
    expect([status, body.url]).toEqual([200, `http://localhost:3000/login?token=${body.token}`]);
    expect(cookieOf(await visit(body.token, FRAME))).toMatch(/^__Host-latchkey-embed=/);
  });
});

function redeem(token: string, headers: Record<string, string>): Promise<LoginOutcome> {
  return t.nest.get(LoginService).redeem({ headers, query: { token }, ip: '127.0.0.1' });
}
