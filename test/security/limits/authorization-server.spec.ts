import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp } from '../../../src/app/setup.js';
import { loadSettings } from '../../../src/config/settings.js';
import { OAuthRecord } from '../../../src/schema/entities/oauth-record.entity.js';
import { call, TestApp, testEnvironment } from '../../support/app.js';
import type { Answer } from '../../support/app.js';
import { forgetFailedAttempts } from '../../support/forge.js';
import {
  actionOf,
  assertionOf,
  authorizeQuery,
  Browser,
  JWT_BEARER,
  newCode,
  newScene,
  newTokens,
  PASSWORD,
  REDIRECT_URI,
  requestToken,
} from '../../support/oauth.js';
import type { Scene, TestClient } from '../../support/oauth.js';
import { ENDPOINTS, present, setUp, statusesOf, t } from './setup.js';

setUp();

/** The key of somebody whom nobody knows. */
const { privateKey: STRANGER } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

describe('the authorization server', () => {
  /** A second instance of the service, on the same database and by the same clock. */
  let second: NestFastifyApplication;
  let bases: string[];
  let scene: Scene;
  let minute = Math.floor(Date.now() / 60_000);

  beforeAll(async () => {
    second = await createApp(loadSettings(testEnvironment()), t.clock);
    await second.listen(0, '127.0.0.1');
    bases = [t.url, await second.getUrl()];
    scene = await newScene(t);
  });
  afterAll(() => second.close());
  beforeEach(async () => {
    await forgetFailedAttempts(t);
    minute++;
    const instant = minute * 60_000 + 20_250;
    jest.spyOn(t.clock, 'now').mockImplementation(() => new Date(instant));
  });

  describe('S33: wrong credentials at the token endpoint', () => {
    type Ask = (i: number) => Promise<Answer>;

    /** All at the same time, over both instances. */
    function ask(count: number, one: Ask): Promise<Answer[]> {
      return Promise.all(Array.from({ length: count }, (_, i) => one(i)));
    }

    const WRONG: { of: string; one: Ask; status: number }[] = [
      {
        of: 'secrets of a client',
        one: (i) =>
          requestToken(bases[i % 2]!, { grant_type: 'refresh_token', refresh_token: 'x' }, wrongSecret(scene.client)),
        status: 401,
      },
      {
        of: 'secrets of a client at the path of the older API',
        one: (i) =>
          requestToken(
            bases[i % 2]!,
            { grant_type: 'refresh_token', refresh_token: 'x' },
            wrongSecret(scene.client),
            '/api/2/token',
          ),
        status: 401,
      },
      {
        of: 'secrets of a client at a revocation',
        one: (i) => requestToken(bases[i % 2]!, { token: 'x' }, wrongSecret(scene.client), '/oauth/revoke'),
        status: 401,
      },
      {
        of: 'secrets of a client at an introspection',
        one: (i) => requestToken(bases[i % 2]!, { token: 'x' }, wrongSecret(scene.client), '/oauth/introspect'),
        status: 401,
      },
      {
        of: 'access tokens at UserInfo',
        one: (i) => call(bases[i % 2]!, '/oauth/userinfo', { headers: { authorization: `Bearer wrong${i}` } }),
        status: 401,
      },
      {
        of: 'secrets of a client that asks for a page',
        one: (i) =>
          call(bases[i % 2]!, '/oauth/token', {
            method: 'POST',
            headers: { accept: 'text/html', 'content-type': 'application/x-www-form-urlencoded' },
            body: `grant_type=refresh_token&refresh_token=x&client_id=${scene.client.id}&client_secret=wrong`,
          }),
        status: 401,
      },
      {
        of: 'clients',
        one: (i) =>
          requestToken(bases[i % 2]!, { grant_type: 'refresh_token', refresh_token: 'x', client_id: `no${i}` }),
        status: 401,
      },
      {
        of: 'refresh tokens',
        one: (i) =>
          requestToken(bases[i % 2]!, { grant_type: 'refresh_token', refresh_token: `wrong${i}` }, scene.publicClient),
        status: 400,
      },
      {
        of: 'codes',
        one: (i) =>
          requestToken(
            bases[i % 2]!,
            { grant_type: 'authorization_code', code: `wrong${i}`, redirect_uri: REDIRECT_URI },
            scene.client,
          ),
        status: 400,
      },
      {
        of: 'assertions',
        one: async (i) => {
          const assertion = await assertionOf(t, { ...scene.account, privateKey: STRANGER });
          return requestToken(bases[i % 2]!, { grant_type: JWT_BEARER, assertion });
        },
        status: 400,
      },
    ];

    it.each(WRONG)('S33: of 110 wrong $of over two instances, 100 are answered as such', async ({ one, status }) => {
      expect(statusesOf(await ask(110, one))).toEqual({ [status]: 100, 429: 10 });
    });

    it.each(WRONG)('S33: the answer over the limit to wrong $of says how long to wait', async ({ one }) => {
      await ask(100, one);
      const { status, headers, body } = await one(0);
      const description = 'Too many wrong credentials from this address. Try again later.';
      expect({ status, retryAfter: headers.get('retry-after'), cache: headers.get('cache-control'), body }).toEqual({
        status: 429,
        retryAfter: '40',
        cache: 'no-store',
        body: {
          error: 'too_many_requests',
          error_description: description,
          id: 'too_many_requests',
          description,
        },
      });
      expect(headers.get('www-authenticate')).toBeNull();
    });

    it('S33: good credentials work from the same address over the limit', async () => {
      const { refresh_token } = await newTokens(scene);
      await ask(110, WRONG[0]!.one);
      const refreshed = await requestToken(t.url, { grant_type: 'refresh_token', refresh_token }, scene.client);
      const assertion = await assertionOf(t, scene.account);
      const asserted = await requestToken(t.url, { grant_type: JWT_BEARER, assertion });
      const revoked = await requestToken(t.url, { token: 'unknown' }, scene.client, '/oauth/revoke');
      expect([refreshed.status, asserted.status, revoked.status]).toEqual([200, 200, 200]);
      expect((await WRONG[0]!.one(0)).status).toBe(429);
    });

    it('S33: wrong credentials of other kinds are counted together, and wrong tokens apart', async () => {
      for (const { one } of WRONG) await ask(20, one);
      expect((await WRONG[0]!.one(0)).status).toBe(429);
      for (const { endpoint } of ENDPOINTS) expect((await present(t.url, endpoint, 'wrong')).status).toBe(401);
    });

    it('S33: what was good once, and what a service account has signed, is no guess', async () => {
      const { refresh_token } = await newTokens(scene, scene.publicClient);
      const again = { grant_type: 'refresh_token', refresh_token };
      await requestToken(t.url, again, scene.publicClient);
      const later = new Date(t.clock.now().getTime() + 31_000);
      jest.spyOn(t.clock, 'now').mockImplementation(() => new Date(later));
      const stranger = await t.world.user();
      await ask(70, async () => {
        const assertion = await assertionOf(t, scene.account, { sub: stranger });
        return requestToken(t.url, { grant_type: JWT_BEARER, assertion });
      });
      const code = { grant_type: 'authorization_code', code: await newCode(scene), redirect_uri: REDIRECT_URI };
      expect(statusesOf(await ask(70, () => requestToken(t.url, code, scene.client)))).toEqual({ 200: 1, 400: 69 });
      expect((await requestToken(t.url, again, scene.publicClient)).body.error).toBe('invalid_grant');
    });

    it('S33: requests that are malformed are not counted', async () => {
      expect(statusesOf(await ask(105, () => call(t.url, '/oauth/userinfo')))).toEqual({ 401: 105 });
      const answers = await ask(105, () => requestToken(t.url, { grant_type: 'unknown' }, scene.client));
      expect(statusesOf(answers)).toEqual({ 400: 105 });
      expect((await WRONG[0]!.one(0)).status).toBe(401);
    });

    it('S33: the address is the one behind the proxies that are trusted', async () => {
      const proxied = await TestApp.startOnSameDatabase({ TRUSTED_PROXIES: '127.0.0.1' });
      try {
        const fields = { grant_type: 'refresh_token', refresh_token: 'x', client_id: 'nobody' };
        const from = (address: string): Promise<Answer> =>
          proxied.call('/oauth/token', {
            method: 'POST',
            headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-forwarded-for': address },
            body: new URLSearchParams(fields).toString(),
          });
        expect(statusesOf(await ask(103, () => from('192.0.2.20')))).toEqual({ 401: 100, 429: 3 });
        expect((await from('192.0.2.21')).status).toBe(401);
        // One address in all the forms that proxies write it in, and whatever is none, count together.
        let sent = 0;
        expect(statusesOf(await ask(103, () => from(inSomeForm('192.0.2.22', sent++))))).toEqual({ 401: 100, 429: 3 });
        expect(statusesOf(await ask(103, () => from(`nobody-${sent++}`)))).toEqual({ 401: 100, 429: 3 });
      } finally {
        await proxied.nest.close();
      }
    });
  });

  function begin(count: number, more: Record<string, string> = {}): Promise<Answer[]> {
    const path = `/oauth/authorize?${authorizeQuery(scene.client, more)}`;
    return Promise.all(Array.from({ length: count }, (_, i) => call(bases[i % 2]!, path)));
  }

  describe('S33: sign-ins that are begun', () => {
    it('S33: of 130 from an address in a minute over two instances, 100 are begun, and the others leave nothing behind', async () => {
      const before = await records();
      expect(statusesOf(await begin(130))).toEqual({ 303: 100, 429: 30 });
      expect((await records()) - before).toBe(100);
    });

    it('S33: a page says that they are too many, and for how long', async () => {
      await begin(100);
      const [{ status, headers, text }] = (await begin(1)) as [Answer];
      expect({ status, retryAfter: headers.get('retry-after'), location: headers.get('location') }).toEqual({
        status: 429,
        retryAfter: '40',
        location: null,
      });
      expect(headers.get('content-type')).toMatch(/^text\/html/);
      expect(headers.get('cache-control')).toBe('no-store');
      expect(text).toContain('Too many sign-ins were started from this address. Try again later.');
    });

    it('S33: whoever has begun one goes on to its end over the limit', async () => {
      const browser = new Browser(t);
      const page = await browser.open(`/oauth/authorize?${authorizeQuery(scene.client)}`);
      await begin(110);
      const consent = await browser.open(actionOf(page), { email: scene.person.emailAddress, password: PASSWORD });
      const answer = await browser.open(actionOf(consent), { answer: 'allow' });
      expect(answer.headers.get('location')).toContain('code=');
    });

    it('S33: whoever is signed in and has agreed, and whoever asks for no page, begins none', async () => {
      const browser = new Browser(t);
      await browser.authorize(authorizeQuery(scene.client), scene.person.emailAddress);
      await begin(110);
      const again = await browser.open(`/oauth/authorize?${authorizeQuery(scene.client)}`);
      expect(again.headers.get('location')).toContain('code=');
      const silent = await begin(3, { prompt: 'none' });
      for (const { headers } of silent) expect(headers.get('location')).toContain('error=login_required');
    });
  });
});

/** Everything that the authorization server keeps. */
function records(): Promise<number> {
  return t.world.write((db) => db.count(OAuthRecord));
}

function wrongSecret({ id }: TestClient): TestClient {
  return { id, secret: 'wrong' };
}

/** As proxies write an address, with another port each time. */
function inSomeForm(address: string, i: number): string {
  const port = 1024 + i;
  return [`${address}:${port}`, `[::ffff:${address}]:${port}`, `${address}:${port}, 127.0.0.1:80`][i % 3]!;
}
