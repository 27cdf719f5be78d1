import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { createRemoteJWKSet, customFetch, jwtVerify } from 'jose';
import type { JWTPayload } from 'jose';
import { AuditEvent } from '../src/schema/entities/audit-event.entity.js';
import { Database } from '../src/database/database.js';
import { TokensService } from '../src/tokens/tokens.service.js';
import { Session } from '../src/schema/entities/session.entity.js';
import { EmailAddress } from '../src/schema/entities/email-address.entity.js';
import { User } from '../src/schema/entities/user.entity.js';
import { cookieOf, outcome, PUBLIC_URL, TestApp } from './support/app.js';
import type { Answer } from './support/app.js';
import { LETTING_PASS, PASSING_ON, PROXIES, SITE } from './support/asking-proxies.js';
import { decode } from './support/forge.js';
import { assertionOf, JWT_BEARER, newScene, requestToken } from './support/oauth.js';
import type { TestCaller } from './support/world.js';

const OTHER_SITE = 'https://other.example';
const PAGE = { accept: 'text/html', 'sec-fetch-dest': 'document' };
const JSON_ONLY = { accept: 'application/json' };

let t: TestApp;
let caller: TestCaller;
let user: string;

beforeAll(async () => {
  t = await TestApp.start({ TRUSTED_PROXIES: '127.0.0.1', PREFLIGHT_SITES: `https://learn.example, ${SITE}` });
});
afterAll(() => t.stop());
beforeEach(async () => {
  t.clock.reset();
  caller = await t.world.caller();
  ({ id: user } = await t.world.userOf(caller, { name: 'Noor de Vries' }));
});
afterEach(() => {
  jest.restoreAllMocks();
});

/** What the application behind would be told. */
function told({ status, headers }: Answer): object {
  const names = ['User', 'Email', 'Name', 'Third-Party-Ids', 'Actor'].map((name) => `X-Latchkey-${name}`);
  return {
    status,
    cookie: headers.get('cookie'),
    ...Object.fromEntries(names.map((name) => [name, headers.get(name)])),
  };
}

/** The headers that are the same every time. */
function lasting({ headers }: Answer): object {
  return Object.fromEntries([...headers].filter(([name]) => !['date', 'x-request-id'].includes(name)));
}

function effect({ status, headers }: Answer): object {
  return { status, location: headers.get('location'), cookies: headers.getSetCookie() };
}

async function assertionFor(cookie: string, site = SITE): Promise<string> {
  return (await PROXIES.traefik(t.url, { site, headers: { cookie } })).headers.get('x-latchkey-assertion')!;
}

/** As an application does it that knows the public URL and its own address. */
async function verify(assertion: string, audience = SITE): Promise<JWTPayload> {
  const keys = createRemoteJWKSet(new URL(`${PUBLIC_URL}/oauth/keys`), {
    [customFetch]: () => fetch(`${t.url}/oauth/keys`),
  });
  const options = { issuer: PUBLIC_URL, audience, typ: 'latchkey-assertion+jwt', currentDate: t.clock.now() };
  return (await jwtVerify(assertion, keys, options)).payload;
}

/** How often `work` reads sessions. */
async function readsDuring(work: () => Promise<unknown>, name = 'find_session'): Promise<number> {
  const read = jest.spyOn(t.nest.get(Database), 'read');
  await work();
  const reads = read.mock.calls.filter(([statement]) => statement.name === name).length;
  read.mockRestore();
  return reads;
}

function stopTheClock(): void {
  const now = t.clock.now().getTime();
  jest.spyOn(t.clock, 'now').mockImplementation(() => new Date(now));
}

describe('with a session', () => {
  it.each(LETTING_PASS)('$proxy is told who it is, and which cookies are the application’s', async ({ ask }) => {
    const code = await t.world.thirdParty(caller.organizationId);
    const emailAddress = `${user.toLowerCase().replaceAll(/\W/g, 'x')}@a.example`;
    const { id } = await t.world.userOf(caller, { name: 'Zoë', emailAddress, thirdPartyId: [code, 'a/1'] });
    const cookie = await t.signIn(caller, id);
    const answer = await ask(t.url, { headers: { cookie: `a=1; ${cookie}; b="2 3"` } });
    expect(told(answer)).toEqual({
      status: 200,
      cookie: 'a=1; b="2 3"',
      'X-Latchkey-User': id,
      'X-Latchkey-Email': emailAddress,
      'X-Latchkey-Name': 'Zo%C3%AB',
      'X-Latchkey-Third-Party-Ids': `${code}$a%2F1`,
      'X-Latchkey-Actor': caller.id,
    });
    expect({ text: answer.text, cached: answer.headers.get('cache-control') }).toEqual({
      text: '',
      cached: 'no-store',
    });
    expect(answer.headers.getSetCookie()).toEqual([]);
  });

  it('an answer that is known already has every header that one has which was asked for', async () => {
    const cookie = await t.signIn(caller, user);
    const ask = async (): Promise<Answer> => PROXIES.traefik(t.url, { headers: { cookie } });
    const [asked, known] = [await ask(), await ask()];
    expect(lasting(known)).toEqual(lasting(asked));
    expect(known.headers.get('x-request-id')).toMatch(/^[\da-f-]{36}$/);
    expect(known.headers.get('x-request-id')).not.toBe(asked.headers.get('x-request-id'));
  });

  it('every header is there, empty for what is not known, so that none of a browser’s own is left', async () => {
    const answer = await PROXIES.envoy(t.url, { headers: { cookie: await t.signIn(caller, user) } });
    expect(told(answer)).toEqual({
      status: 200,
      cookie: '',
      'X-Latchkey-User': user,
      'X-Latchkey-Email': '',
      'X-Latchkey-Name': 'Noor de Vries',
      'X-Latchkey-Third-Party-Ids': '',
      'X-Latchkey-Actor': caller.id,
    });
  });

  it.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'REPORT'])(
    '%s passes, by every proxy',
    async (method) => {
      const cookie = await t.signIn(caller, user);
      for (const { ask } of LETTING_PASS) {
        const answer = await ask(t.url, { method, uri: '/a/b?c=d', headers: { cookie } });
        expect([answer.status, answer.headers.get('x-latchkey-user')]).toEqual([200, user]);
      }
    },
  );

  it('a body that Envoy announces is not waited for or read', async () => {
    const cookie = await t.signIn(caller, user);
    const headers = { cookie, 'content-type': 'multipart/form-data; boundary=x' };
    expect((await PROXIES.envoy(t.url, { method: 'POST', headers })).status).toBe(200);
  });

  it('the identity is that of this moment, within two seconds', async () => {
    const cookie = await t.signIn(caller, user);
    const tellName = async (): Promise<string | null> =>
      (await PROXIES.traefik(t.url, { headers: { cookie } })).headers.get('x-latchkey-name');
    const first = await assertionFor(cookie);
    expect(await tellName()).toBe('Noor de Vries');
    await t.world.write(async (db) => {
      await db.update(User, { id: user }, { name: 'Noor Jansen' });
      await db.insert(EmailAddress, { address: `${caller.clientId}@a.example`, userId: user, isPrimary: true });
    });
    t.clock.advance(2);
    expect(await tellName()).toBe('Noor Jansen');
    const second = await assertionFor(cookie);
    expect(second).not.toBe(first);
    expect(await verify(second)).toMatchObject({ name: 'Noor Jansen', email: `${caller.clientId}@a.example` });
  });

  it('lets nobody in while the database can’t be asked', async () => {
    const cookie = await t.signIn(caller, user);
    expect((await PROXIES.traefik(t.url, { headers: { cookie } })).status).toBe(200);
    t.clock.advance(2);
    jest
      .spyOn(t.nest.get(Database), 'read')
      .mockRejectedValue(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }));
    jest.spyOn(process.stderr, 'write').mockReturnValue(true);
    jest.spyOn(process.stdout, 'write').mockReturnValue(true);
    const answer = await PROXIES.traefik(t.url, { headers: { ...JSON_ONLY, cookie } });
    jest.restoreAllMocks();
    expect(outcome(answer)).toEqual([503, 'unavailable']);
    expect(answer.headers.get('x-latchkey-user')).toBeNull();
    expect((await PROXIES.traefik(t.url, { headers: { cookie } })).status).toBe(200);
  });
});

describe('the assertion', () => {
  it('is verified with the published keys, names its site, and lives for five minutes', async () => {
    const { id } = await t.world.userOf(caller, { name: 'Zoë' });
    const assertion = await assertionFor(await t.signIn(caller, id));
    const { iat, exp, jti, ...claims } = await verify(assertion);
    expect(claims).toEqual({
      iss: PUBLIC_URL,
      aud: SITE,
      sub: id,
      act: { sub: caller.id },
      client_id: caller.clientId,
      name: 'Zoë',
    });
    expect([exp! - iat!, typeof jti, decode(assertion).header.alg]).toEqual([300, 'string', 'ES256']);
  });

  it('names whoever let the visitor in as the headers, the token, the session and the record do', async () => {
    const scene = await newScene(t);
    const { account } = scene;
    const { id, groupId } = await t.world.userOf({ ...caller, organizationId: scene.organizationId });
    await t.world.allow(account.id, groupId, 'MANAGE');
    const assertion = await assertionOf(t, account, { sub: id });
    const fields = { grant_type: JWT_BEARER, resource: `${PUBLIC_URL}/login`, assertion };
    const { access_token } = (await requestToken(t.url, fields)).body;
    const cookie = cookieOf(await t.login(access_token));
    const { headers } = await PROXIES.traefik(t.url, { headers: { cookie } });
    const session = (await t.call('/session', { headers: { cookie } })).body;
    const { sub, act, client_id } = await verify(headers.get('x-latchkey-assertion')!);
    const tokenId = decode(access_token).payload.jti as string;
    const rows = await t.world.write((db) => db.findBy(AuditEvent, { tokenId }));
    const said = {
      token: [
        decode(access_token).payload.sub,
        decode(access_token).payload.act,
        decode(access_token).payload.client_id,
      ],
      assertion: [sub, act, client_id],
      session: [session.user.id, { sub: session.actor.id }, session.actor.clientId],
      headers: [headers.get('x-latchkey-user'), { sub: headers.get('x-latchkey-actor') }, account.clientId],
      ...Object.fromEntries(rows.map((row) => [row.event, [row.userId, { sub: row.actorId }, row.clientId]])),
    };
    const expected = [id, { sub: account.id }, account.clientId];
    expect(Object.keys(said)).toEqual(expect.arrayContaining(['ACCESS_ISSUED', 'SESSION_STARTED']));
    for (const one of Object.values(said)) expect(one).toEqual(expected);
  });

  it('is refused by the application of another site', async () => {
    const assertion = await assertionFor(await t.signIn(caller, user));
    await expect(verify(assertion, OTHER_SITE)).rejects.toThrow('aud');
  });

  it('S11: opens nothing of ours', async () => {
    const assertion = await assertionFor(await t.signIn(caller, user));
    expect(outcome(await t.as({ token: assertion })('/user'))).toEqual([401, 'not_authenticated']);
    expect(outcome(await t.login(assertion))).toEqual([401, 'invalid_token']);
  });

  it('is signed once, and again in time', async () => {
    const cookie = await t.signIn(caller, user);
    const first = await assertionFor(cookie);
    t.clock.advance(2);
    expect(await assertionFor(cookie)).toBe(first);
    t.clock.advance(140);
    expect(await assertionFor(cookie)).toBe(first);
    t.clock.advance(10);
    const second = await assertionFor(cookie);
    expect(second).not.toBe(first);
    const left = (await verify(second)).exp! - t.clock.now().getTime() / 1000;
    expect(left).toBeGreaterThan(298);
  });
});

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
      other = await TestApp.startBeside({ TRUSTED_PROXIES: '127.0.0.1', SIGN_IN_URL });
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
      expect(text).toContain('your browser refuses cookies');
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
    expect(told(answer)).toEqual({ status: 200, cookie: '', ...NOBODY });
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
        { ...asked, headers: { ...PREFLIGHT, 'x-http-method-override': 'DELETE' } },
        { ...asked, headers: { ...PREFLIGHT, 'X-Method-Override': 'DELETE' } },
        { ...asked, headers: { ...PREFLIGHT, x_http_method: 'DELETE' } },
      ])
        expect([request, (await ask(t.url, request)).status]).toEqual([request, 401]);
      const withToken = { ...asked, uri: `/things?oauth_token=${await t.loginToken(caller, user)}` };
      expect((await ask(t.url, withToken)).status).toBeGreaterThanOrEqual(400);
    },
  );

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

describe('a link with oauth_token', () => {
  it.each(PASSING_ON)('by $proxy starts a session and leads to the same page without it', async ({ ask }) => {
    const token = await t.loginToken(caller, user, '?returnTo=/elsewhere');
    const answer = await ask(t.url, { uri: `/course/1?a=%7E&oauth_token=${token}&b=c+d`, headers: PAGE });
    expect(effect(answer)).toEqual({
      status: 303,
      location: `${SITE}/course/1?a=%7E&b=c+d`,
      cookies: [expect.stringMatching(/^latchkey=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/)],
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
    t.clock.advance(1801);
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
    expect(await t.world.write((db) => db.countBy(Session, { userId: user }))).toBe(0);
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
        'A proxy asks about https://nobody.example, which is neither PUBLIC_URL nor an origin of a client: nobody can be signed in there.',
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

describe('the database', () => {
  it('is not asked about a session that it was asked about just now', async () => {
    const cookie = await t.signIn(caller, user);
    const ask = (): Promise<Answer> => PROXIES.traefik(t.url, { headers: { cookie } });
    await ask();
    stopTheClock();
    const all = Promise.all(Array.from({ length: 20 }, ask));
    expect(await readsDuring(() => all)).toBe(0);
    expect((await all).map(({ status }) => status)).toEqual(Array(20).fill(200));
  });

  it('is asked once by all requests of a page that come together', async () => {
    const cookie = await t.signIn(caller, user);
    const all = (): Promise<unknown> =>
      Promise.all(Array.from({ length: 20 }, () => PROXIES.traefik(t.url, { headers: { cookie } })));
    stopTheClock();
    expect(await readsDuring(all)).toBe(1);
  });

  it('is asked by /session and the landing page every time', async () => {
    const cookie = await t.signIn(caller, user);
    stopTheClock();
    await PROXIES.traefik(t.url, { headers: { cookie } });
    const reads = await readsDuring(async () => {
      for (const path of ['/session', '/', '/session']) await t.call(path, { headers: { cookie } });
    });
    expect(reads).toBe(3);
  });

  it('is told that a session was used at most once a minute', async () => {
    const cookie = await t.signIn(caller, user);
    const write = jest.spyOn(t.nest.get(Database), 'write');
    for (let seconds = 0; seconds < 130; seconds += 2) {
      t.clock.advance(2);
      expect((await PROXIES.traefik(t.url, { headers: { cookie } })).status).toBe(200);
    }
    expect(write.mock.calls.map(([{ name }]) => name)).toEqual(['touch_session', 'touch_session']);
  });

  it('keeps a session alive that is used behind the proxy only, and ends one that is not', async () => {
    const cookie = await t.signIn(caller, user);
    for (let i = 0; i < 3; i++) {
      t.clock.advance(1700);
      expect((await PROXIES.traefik(t.url, { headers: { cookie } })).status).toBe(200);
    }
    t.clock.advance(1801);
    expect((await PROXIES.traefik(t.url, { headers: { cookie } })).status).toBe(401);
  });
});

describe('logging out', () => {
  it('ends the session here at once, also for a question that is under way', async () => {
    const cookie = await t.signIn(caller, user);
    const ask = (): Promise<Answer> => PROXIES.traefik(t.url, { headers: { cookie } });
    expect((await ask()).status).toBe(200);
    stopTheClock();
    const logout = t.call('/logout', { method: 'POST', headers: { cookie, origin: PUBLIC_URL } });
    await Promise.all([logout, ...Array.from({ length: 10 }, async (_, i) => setTimeout(i).then(ask))]);
    expect((await ask()).status).toBe(401);
  });
});

describe('under https', () => {
  const site = 'https://latchkey.test';
  let secure: TestApp;
  beforeAll(async () => {
    secure = await TestApp.startBeside({ TRUSTED_PROXIES: '127.0.0.1', PUBLIC_URL: site });
  });
  afterAll(() => secure.nest.close());

  it('the cookie is one of https, and the other one counts for nothing', async () => {
    const host = await secure.world.caller();
    const { id } = await secure.world.userOf(host);
    const uri = `/a?oauth_token=${await secure.loginToken(host, id)}`;
    const answer = await PROXIES.caddy(secure.url, { site, uri, headers: PAGE });
    expect(answer.headers.getSetCookie()).toEqual([
      expect.stringMatching(/^__Host-latchkey=[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Lax$/),
    ]);
    const cookie = cookieOf(answer);
    expect((await PROXIES.caddy(secure.url, { site, headers: { cookie } })).status).toBe(200);
    const plain = cookie.replace('__Host-', '');
    expect((await PROXIES.caddy(secure.url, { site, headers: { cookie: plain } })).status).toBe(401);
  });
});
