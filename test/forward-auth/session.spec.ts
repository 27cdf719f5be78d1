import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Database } from '../../src/database/database.js';
import { EmailAddress } from '../../src/schema/entities/email-address.entity.js';
import { User } from '../../src/schema/entities/user.entity.js';
import { cookieOf, outcome, PUBLIC_URL, TestApp } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { LETTING_PASS, PROXIES, SITE } from '../support/asking-proxies.js';
import { decode } from '../support/forge.js';
import { assertionOf, JWT_BEARER, newScene, requestToken } from '../support/oauth.js';
import { JSON_ONLY, OTHER_SITE, PAGE, assertionFor, caller, setUp, t, identityIn, user, verify } from './setup.js';

setUp();

/** The headers that are the same every time. */
function lasting({ headers }: Answer): object {
  return Object.fromEntries([...headers].filter(([name]) => !['date', 'x-request-id'].includes(name)));
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
    expect(identityIn(answer)).toEqual({
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
    expect(identityIn(answer)).toEqual({
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
    const record = await t.world.loginToken(tokenId);
    const delegation = await t.world.delegationOf(record!);
    const identities = {
      token: [
        decode(access_token).payload.sub,
        decode(access_token).payload.act,
        decode(access_token).payload.client_id,
      ],
      assertion: [sub, act, client_id],
      session: [session.user.id, { sub: session.actor.id }, session.actor.clientId],
      headers: [headers.get('x-latchkey-user'), { sub: headers.get('x-latchkey-actor') }, account.clientId],
      record: [record!.userId, { sub: delegation.callerId }, delegation.clientId],
    };
    const expected = [id, { sub: account.id }, account.clientId];
    for (const one of Object.values(identities)) expect(one).toEqual(expected);
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
    t.passIdleTime();
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
    secure = await TestApp.startOnSameDatabase({ TRUSTED_PROXIES: '127.0.0.1', PUBLIC_URL: site });
  });
  afterAll(() => secure.nest.close());

  it('the cookie is one of https, and the other one counts for nothing', async () => {
    const host = await secure.world.caller();
    const { id } = await secure.world.userOf(host);
    const uri = `/a?oauth_token=${await secure.loginToken(host, id)}`;
    const answer = await PROXIES.caddy(secure.url, { site, uri, headers: PAGE });
    expect(answer.headers.getSetCookie()).toEqual([
      expect.stringMatching(/^__Host-latchkey=[\w-]{22}\.[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Lax$/),
    ]);
    const cookie = cookieOf(answer);
    expect((await PROXIES.caddy(secure.url, { site, headers: { cookie } })).status).toBe(200);
    const plain = cookie.replace('__Host-', '');
    expect((await PROXIES.caddy(secure.url, { site, headers: { cookie: plain } })).status).toBe(401);
  });
});
