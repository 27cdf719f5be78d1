import { describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { TokensService } from '../../src/tokens/tokens.service.js';
import { cookieOf, outcome } from '../support/app.js';
import { LETTING_PASS, PASSING_ON, PROXIES, SITE } from '../support/asking-proxies.js';
import { decode } from '../support/forge.js';
import { JSON_ONLY, OTHER_SITE, PAGE, assertionFor, caller, effect, setUp, t, user, verify } from './setup.js';

setUp();

describe('a link with oauth_token', () => {
  it.each(PASSING_ON)('by $proxy starts a session and leads to the same page without it', async ({ ask }) => {
    const token = await t.loginToken(caller, user, '?returnTo=/elsewhere');
    const answer = await ask(t.url, { uri: `/course/1?a=%7E&oauth_token=${token}&b=c+d`, headers: PAGE });
    expect(effect(answer)).toEqual({
      status: 303,
      location: `${SITE}/course/1?a=%7E&b=c+d`,
      cookies: [expect.stringMatching(/^latchkey=[\w-]{22}\.[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/)],
    });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const next = await PROXIES.traefik(t.url, { headers: { cookie: cookieOf(answer) } });
    expect(next.headers.get('x-latchkey-user')).toBe(user);
    expect(outcome(await t.login(token))).toEqual([410, 'token_used']);
  });

  it.each(PASSING_ON)('by $proxy with a live session leads there too, and is not used up', async ({ ask }) => {
    const cookie = await t.signIn(caller, user);
    const token = await t.loginToken(caller, (await t.world.userOf(caller)).id);
    const answer = await ask(t.url, { uri: `/course?oauth_token=${token}`, headers: { ...PAGE, cookie } });
    expect(effect(answer)).toEqual({ status: 303, location: `${SITE}/course`, cookies: [] });
    expect((await t.login(token)).status).toBe(303);
  });

  it.each(PASSING_ON)('by $proxy with session=ask is a page on which the visitor chooses', async ({ ask }) => {
    const { id: other } = await t.world.userOf(caller, { name: 'Sem Bakker' });
    const cookie = await t.signIn(caller, other);
    const uri = `/course?a=1&oauth_token=${await t.loginToken(caller, user, '?session=ask')}&b`;
    const headers = { ...PAGE, cookie, 'sec-fetch-site': 'same-origin' };
    const page = await ask(t.url, { uri, headers });
    // Not a 200, for which a proxy would let the request pass.
    expect(effect(page)).toEqual({ status: 401, location: null, cookies: [] });
    for (const part of [
      'Continue as Noor de Vries',
      '<form method="post" enctype="multipart/form-data">',
      `<a href="${SITE}/course?a=1&#38;b">Stay`,
    ])
      expect(page.text).toContain(part);
    expect((await ask(t.url, { headers: { cookie } })).headers.get('x-latchkey-user')).not.toBe(user);
    // A form of another page has not asked: it is that of a button, in a browser without a session by then.
    expect((await ask(t.url, { method: 'POST', uri, headers })).text).toContain('Continue as Noor de Vries');
    const asked = { ...headers, 'content-type': 'multipart/form-data; boundary=x' };
    const answer = await ask(t.url, { method: 'POST', uri, headers: asked });
    expect(effect(answer)).toMatchObject({ status: 303, location: `${SITE}/course?a=1&b` });
    const shown = { cookie: cookieOf(answer) };
    expect((await PROXIES.traefik(t.url, { headers: shown })).headers.get('x-latchkey-user')).toBe(user);
    expect((await PROXIES.traefik(t.url, { headers: { cookie } })).status).toBe(401);
  });

  it.each(PASSING_ON)(
    'by $proxy with delivery=link is a page with a button, and lets nothing pass',
    async ({ ask }) => {
      const uri = `/course?oauth_token=${await t.loginToken(caller, user, '?delivery=link')}`;
      const page = await ask(t.url, { uri, headers: PAGE });
      expect(effect(page)).toEqual({ status: 401, location: null, cookies: [] });
      expect(page.text).toContain('<form method="post">');
      const headers = { ...PAGE, 'sec-fetch-site': 'same-origin' };
      const answer = await ask(t.url, { method: 'POST', uri, headers });
      expect([answer.status, (await PROXIES.nginx(t.url, { headers: { cookie: cookieOf(answer) } })).status]).toEqual([
        303, 200,
      ]);
    },
  );

  it('with session=ask is not answered by a form of another site', async () => {
    const cookie = await t.signIn(caller, (await t.world.userOf(caller)).id);
    const token = await t.loginToken(caller, user, '?session=ask');
    const headers = { ...PAGE, cookie, 'sec-fetch-site': 'cross-site' };
    const answer = await PROXIES.traefik(t.url, { method: 'POST', uri: `/?oauth_token=${token}`, headers });
    expect(effect(answer)).toEqual({ status: 307, location: `${SITE}/`, cookies: [] });
    expect((await t.login(token)).status).toBe(303);
  });

  it('at nginx gets 401 whether there is a session or not, so that it goes where it can be answered', async () => {
    const token = await t.loginToken(caller, user);
    const uri = `/course?oauth_token=${token}`;
    const cookie = await t.signIn(caller, user);
    for (const headers of [PAGE, { ...PAGE, cookie }])
      expect(effect(await PROXIES.nginx(t.url, { uri, headers }))).toEqual({
        status: 401,
        location: null,
        cookies: [],
      });
    expect((await t.login(token)).status).toBe(303);
  });

  it.each(['oauth%5Ftoken', '%6fauth%5ftoken', '%6F%61%75%74%68%5F%74%6F%6B%65%6E'])(
    'written as %s is the same',
    async (name) => {
      const uri = `/course?${name}=${await t.loginToken(caller, user)}&x`;
      expect((await PROXIES.nginx(t.url, { uri })).status).toBe(401);
      expect(effect(await PROXIES.nginxPage(t.url, { uri, headers: PAGE }))).toMatchObject({
        status: 303,
        location: `${SITE}/course?x`,
      });
    },
  );

  it('with a session that ended starts a new one', async () => {
    const cookie = await t.signIn(caller, user);
    t.passIdleTime();
    const uri = `/?oauth_token=${await t.loginToken(caller, user)}`;
    const answer = await PROXIES.traefik(t.url, { uri, headers: { ...PAGE, cookie } });
    expect([answer.status, cookieOf(answer) === cookie]).toEqual([303, false]);
  });

  it('of a form that is sent with a session sends the form again', async () => {
    const cookie = await t.signIn(caller, user);
    for (const { ask } of PASSING_ON) {
      const answer = await ask(t.url, { method: 'POST', uri: '/a?oauth_token=x&b', headers: { ...PAGE, cookie } });
      expect(effect(answer)).toEqual({ status: 307, location: `${SITE}/a?b`, cookies: [] });
    }
  });

  it.each([
    { of: 'HEAD', method: 'HEAD', headers: PAGE },
    { of: 'POST', method: 'POST', headers: PAGE },
    { of: 'OPTIONS', method: 'OPTIONS', headers: PAGE },
    { of: 'a prefetch', method: 'GET', headers: { ...PAGE, 'sec-purpose': 'prefetch' } },
    { of: 'a preview', method: 'GET', headers: { ...PAGE, purpose: 'preview' } },
    { of: 'an image', method: 'GET', headers: { 'sec-fetch-dest': 'image' } },
    { of: 'a script', method: 'GET', headers: { 'sec-fetch-dest': 'empty' } },
  ])('S20: is not used up by $of', async ({ method, headers }) => {
    const token = await t.loginToken(caller, user);
    for (const { ask } of PASSING_ON) {
      const sent = headers as Record<string, string>;
      const answer = await ask(t.url, { method, uri: `/?oauth_token=${token}`, headers: sent });
      expect(effect(answer)).toEqual({ status: 400, location: null, cookies: [] });
    }
    expect(await t.world.sessionsOf(user)).toBe(0);
    expect((await t.login(token)).status).toBe(303);
  });

  it.each([
    { of: 'garbage', query: async () => 'oauth_token=garbage', status: 401, id: 'invalid_token' },
    { of: 'nothing', query: async () => 'oauth_token=', status: 401, id: 'invalid_token' },
    { of: 'two tokens', query: async () => 'oauth_token=a&oauth_token=b', status: 400, id: 'invalid_request' },
    { of: 'a list', query: async () => 'oauth_token[]=a', status: 400, id: 'invalid_request' },
    { of: 'a caller’s token', query: async () => `oauth_token=${caller.token}`, status: 401, id: 'invalid_token' },
    {
      of: 'a used token',
      query: async () => {
        const token = await t.loginToken(caller, user);
        await t.login(token);
        return `oauth_token=${token}`;
      },
      status: 410,
      id: 'token_used',
    },
    {
      of: 'an expired token',
      query: async () => {
        const token = await t.loginToken(caller, user);
        t.clock.advance(121);
        return `oauth_token=${token}`;
      },
      status: 410,
      id: 'token_expired',
    },
  ])('with $of is answered as /login does: $id', async ({ query, status, id }) => {
    const uri = `/course?${await query()}`;
    for (const { ask } of PASSING_ON) {
      const answer = await ask(t.url, { uri, headers: JSON_ONLY });
      expect({ ...effect(answer), id: answer.body.id }).toEqual({ status, location: null, cookies: [], id });
      expect((await ask(t.url, { uri, headers: PAGE })).text).toMatch(/^<!doctype html>/);
    }
  });

  it('counts wrong tokens for the address of the visitor, not of the proxy', async () => {
    await t.world.write((db) => db.query('DELETE FROM "failed_attempts"'));
    await PROXIES.traefik(t.url, { uri: '/?oauth_token=x', headers: PAGE });
    const rows: { key: string }[] = await t.world.write((db) => db.query('SELECT "key" FROM "failed_attempts"'));
    expect(rows.map(({ key }) => key.split(' ').slice(0, 2))).toEqual([['login', '203.0.113.7']]);
  });
});

describe('a site', () => {
  it('can be on any origin of the client that lets the visitor in', async () => {
    const host = await t.world.caller({ origins: [OTHER_SITE] });
    const { id } = await t.world.userOf(host);
    for (const { ask } of PASSING_ON) {
      const uri = `/?oauth_token=${await t.loginToken(host, id)}`;
      const answer = await ask(t.url, { site: OTHER_SITE, uri, headers: PAGE });
      expect(effect(answer)).toMatchObject({ status: 303, location: `${OTHER_SITE}/` });
      const cookie = cookieOf(answer);
      const next = await PROXIES.traefik(t.url, { site: OTHER_SITE, headers: { cookie } });
      expect([next.status, next.headers.get('x-latchkey-user')]).toEqual([200, id]);
    }
    const assertion = await assertionFor(await t.signIn(host, id), OTHER_SITE);
    expect((await verify(assertion, OTHER_SITE)).sub).toBe(id);
  });

  it('of another client refuses its tokens also when the database fails just then', async () => {
    const uri = `/?oauth_token=${await t.loginToken(caller, user)}`;
    const tokens = t.nest.get(TokensService, { strict: false });
    jest.spyOn(tokens, 'verify').mockRejectedValueOnce(Object.assign(new Error('gone'), { code: 'ECONNRESET' }));
    const answer = await PROXIES.traefik(t.url, { site: OTHER_SITE, uri, headers: PAGE });
    expect(effect(answer)).toEqual({ status: 503, location: null, cookies: [] });
    expect((await PROXIES.traefik(t.url, { site: OTHER_SITE, uri, headers: PAGE })).status).toBe(403);
  });

  it('of another client refuses its tokens, which stay unused, and its sessions', async () => {
    const cookie = await t.signIn(caller, user);
    const token = await t.loginToken(caller, user);
    for (const { ask } of PASSING_ON) {
      const uri = `/?oauth_token=${token}`;
      const headers = { ...JSON_ONLY, 'sec-fetch-dest': 'document' };
      expect(outcome(await ask(t.url, { site: OTHER_SITE, uri, headers }))).toEqual([403, 'not_authorized']);
    }
    for (const { ask } of LETTING_PASS)
      expect((await ask(t.url, { site: OTHER_SITE, headers: { cookie } })).status).toBe(401);
    expect((await t.login(token)).status).toBe(303);
    expect((await PROXIES.nginx(t.url, { headers: { cookie } })).status).toBe(200);
  });

  it('that is nobody’s is named in the log, once, and others are not', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    await t.world.caller({ origins: [OTHER_SITE] });
    for (const site of ['https://nobody.example', OTHER_SITE, SITE, 'https://nobody.example'])
      expect((await PROXIES.traefik(t.url, { site, headers: PAGE })).status).toBe(401);
    expect(warn.mock.calls).toEqual([
      [
        'A proxy asks about https://nobody.example, which is neither PUBLIC_URL nor an origin of a client: nobody can sign in there.',
      ],
    ]);
  });

  it('is the same however its address is written', async () => {
    const cookie = await t.signIn(caller, user);
    const headers = { cookie, 'x-forwarded-method': 'GET', 'x-forwarded-proto': 'http', 'x-forwarded-uri': '/' };
    for (const host of ['latchkey.test', 'LATCHKEY.test', 'latchkey.test:80']) {
      const answer = await t.call('/forward-auth', { headers: { ...headers, 'x-forwarded-host': host } });
      expect([answer.status, decode(answer.headers.get('x-latchkey-assertion')!).payload.aud]).toEqual([200, SITE]);
    }
  });
});
