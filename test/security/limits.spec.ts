import { generateKeyPairSync } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp } from '../../src/app/setup.js';
import { AttemptsService, WRONG_TOKENS_PER_MINUTE } from '../../src/limits/attempts.service.js';
import type { DomainError } from '../../src/common/errors/errors.js';
import { loadSettings } from '../../src/config/settings.js';
import { CallerTokensService } from '../../src/clients/caller-tokens.service.js';
import { OAuthRecord } from '../../src/schema/entities/oauth-record.entity.js';
import { call, TestApp, testEnvironment } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { forgive } from '../support/forge.js';
import { Instance } from '../support/instance.js';
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
} from '../support/oauth.js';
import type { Scene, TestClient } from '../support/oauth.js';
import { wire } from '../support/raw.js';
import type { TestCaller } from '../support/world.js';

let t: TestApp;
let caller: TestCaller;
let user: string;

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());
beforeEach(async () => {
  caller = await t.world.caller();
  user = (await t.world.userOf(caller)).id;
});
afterEach(() => {
  jest.restoreAllMocks();
  t.clock.reset();
});

/** The key of somebody whom nobody knows. */
const { privateKey: STRANGER } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

type Door = 'login' | 'API';
const DOORS: { door: Door }[] = [{ door: 'login' }, { door: 'API' }];

/** Presents a token at one of the two doors of the service at `base`. */
function knock(base: string, door: Door, token: string, headers: Record<string, string> = {}): Promise<Answer> {
  return door === 'login'
    ? call(base, `/login?token=${token}`, { headers: { accept: 'application/json', ...headers } })
    : call(base, '/api/2.1.1/user/self', { headers: { authorization: `Bearer ${token}`, ...headers } });
}

function good(door: Door): Promise<string> {
  return door === 'login' ? t.loginToken(caller, user) : Promise.resolve(caller.token);
}

const OPEN: Record<Door, number> = { login: 303, API: 200 };

function statusesOf(answers: Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

async function wrongTokens(count: number, door: Door, bases: string[]): Promise<Answer[]> {
  return Promise.all(Array.from({ length: count }, (_, i) => knock(bases[i % bases.length]!, door, `wrong${i}`)));
}

describe('S33: wrong tokens', () => {
  /** A second instance of the service, on the same database and by the same clock. */
  let second: NestFastifyApplication;
  let bases: string[];
  /** Each test has a minute of its own, in which the clock stands still. */
  let minute: number;

  beforeAll(async () => {
    second = await createApp(loadSettings(testEnvironment()), t.clock);
    await second.listen(0, '127.0.0.1');
    bases = [t.url, await second.getUrl()];
    minute = Math.floor(Date.now() / 60_000);
  });
  afterAll(() => second.close());
  beforeEach(() => {
    minute++;
    stopAt(20.25);
  });

  function stopAt(second: number): void {
    const instant = minute * 60_000 + second * 1000;
    jest.spyOn(t.clock, 'now').mockImplementation(() => new Date(instant));
  }

  it.each(DOORS)(
    'S33: the 101st wrong token in a minute is refused with 429 at the $door, counted over two instances',
    async ({ door }) => {
      expect(WRONG_TOKENS_PER_MINUTE).toBe(100);
      const statuses = [];
      for (let i = 0; i < 102; i++) statuses.push((await knock(bases[i % 2]!, door, 'wrong')).status);
      expect(statuses).toEqual([...Array.from({ length: 100 }, () => 401), 429, 429]);
    },
  );

  it.each(DOORS)(
    'S33: of 240 wrong tokens at the same time over two instances, 100 are counted as such at the $door',
    async ({ door }) => {
      const answers = await wrongTokens(240, door, bases);
      expect(statusesOf(answers)).toEqual({ 401: 100, 429: 140 });
    },
  );

  it.each(DOORS)(
    'S33: the answer over the limit at the $door says how long to wait, and nothing about the token',
    async ({ door }) => {
      await wrongTokens(100, door, bases);
      const answers = [await knock(bases[0]!, door, 'wrong'), await knock(bases[1]!, door, 'wrong')];
      for (const { status, headers, body } of answers) {
        expect({ status, retryAfter: headers.get('retry-after'), cookies: headers.getSetCookie(), body }).toEqual({
          status: 429,
          retryAfter: '40',
          cookies: [],
          body: { id: 'too_many_requests', description: expect.any(String) },
        });
      }
    },
  );

  it.each(DOORS)('S33: a good token works from the same address over the limit at the $door', async ({ door }) => {
    const tokens = [await good(door), await good(door)];
    const answers = await wrongTokens(110, door, bases);
    expect(statusesOf(answers)).toEqual({ 401: 100, 429: 10 });
    for (const [i, base] of bases.entries()) expect((await knock(base, door, tokens[i]!)).status).toBe(OPEN[door]);
    expect((await t.as(caller)(`/access/${user}`)).status).toBe(200);
    expect((await knock(bases[0]!, door, 'wrong')).status).toBe(429);
  });

  it.each(DOORS)('S33: good tokens do not count at the $door, however many they are', async ({ door }) => {
    const tokens = await Promise.all(Array.from({ length: 105 }, () => good(door)));
    const answers = await Promise.all(tokens.map((token, i) => knock(bases[i % 2]!, door, token)));
    expect(statusesOf(answers)).toEqual({ [OPEN[door]]: 105 });
    expect((await knock(bases[0]!, door, 'wrong')).status).toBe(401);
  });

  it.each(DOORS)('S33: a new minute starts anew at the $door, on both instances', async ({ door }) => {
    await wrongTokens(120, door, bases);
    stopAt(59.999);
    const last = await knock(bases[0]!, door, 'wrong');
    expect({ status: last.status, retryAfter: last.headers.get('retry-after') }).toEqual({
      status: 429,
      retryAfter: '1',
    });
    minute++;
    stopAt(0);
    expect(statusesOf(await wrongTokens(102, door, bases))).toEqual({ 401: 100, 429: 2 });
  });

  it('S33: used tokens are not counted', async () => {
    const token = await good('login');
    expect((await knock(bases[0]!, 'login', token)).status).toBe(303);
    const answers = await Promise.all(Array.from({ length: 105 }, (_, i) => knock(bases[i % 2]!, 'login', token)));
    expect(statusesOf(answers)).toEqual({ 410: 105 });
    expect((await knock(bases[0]!, 'login', 'wrong')).status).toBe(401);
  });

  it('S33: expired login tokens are not counted', async () => {
    const token = await good('login');
    minute += 2;
    stopAt(21);
    const answers = await Promise.all(Array.from({ length: 105 }, (_, i) => knock(bases[i % 2]!, 'login', token)));
    expect(statusesOf(answers)).toEqual({ 410: 105 });
    expect(answers[0]!.body.id).toBe('token_expired');
    expect((await knock(bases[0]!, 'login', 'wrong')).status).toBe(401);
  });

  it('S33: expired bearer tokens are not counted', async () => {
    const token = await t.nest
      .get(CallerTokensService, { strict: false })
      .mint({ by: 'id', id: caller.id }, 30, caller.clientId);
    minute += 2;
    stopAt(20.25);
    const answers = await Promise.all(Array.from({ length: 105 }, (_, i) => knock(bases[i % 2]!, 'API', token)));
    expect(statusesOf(answers)).toEqual({ 401: 105 });
    expect(statusesOf(await wrongTokens(100, 'API', bases))).toEqual({ 401: 100 });
    expect(statusesOf(await wrongTokens(2, 'API', bases))).toEqual({ 429: 2 });
    expect((await knock(bases[0]!, 'API', token)).status).toBe(401);
  });

  it('S33: calls without a token are not counted', async () => {
    const answers = await Promise.all(Array.from({ length: 105 }, () => t.call('/api/2.1.1/user/self')));
    const links = await Promise.all(Array.from({ length: 105 }, () => t.call('/login')));
    expect(statusesOf([...answers, ...links])).toEqual({ 400: 105, 401: 105 });
    expect(statusesOf(await Promise.all(DOORS.map(({ door }) => knock(bases[0]!, door, 'wrong'))))).toEqual({ 401: 2 });
  });

  it.each([
    { door: 'login' as const, other: 'API' as const },
    { door: 'API' as const, other: 'login' as const },
  ])('S33: wrong tokens at the $door do not count at the $other', async ({ door, other }) => {
    await wrongTokens(101, door, bases);
    expect((await knock(bases[0]!, door, 'wrong')).status).toBe(429);
    expect((await knock(bases[0]!, other, 'wrong')).status).toBe(401);
  });

  it.each(['x-forwarded-for', 'forwarded', 'x-real-ip', 'client-ip', 'cf-connecting-ip', 'true-client-ip'])(
    'S33: an address that the caller claims in %s is not the one that counts',
    async (header) => {
      const claim = (i: number): Record<string, string> => ({
        [header]: header === 'forwarded' ? `for=192.0.2.${i}` : `192.0.2.${i}`,
      });
      const answers = await Promise.all(
        Array.from({ length: 104 }, (_, i) => knock(bases[i % 2]!, 'login', 'wrong', claim(i))),
      );
      expect(statusesOf(answers)).toEqual({ 401: 100, 429: 4 });
    },
  );

  it('S33: other addresses are not affected', async () => {
    const attempts = t.nest.get(AttemptsService, { strict: false });
    const count = async (address: string): Promise<string> =>
      attempts.countWrongToken('login', address).then(
        () => 'counted',
        (error: DomainError) => error.id,
      );
    for (let i = 0; i < 100; i++) await count('192.0.2.1');
    const outcomes = [];
    for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.11', '192.0.2.11:80', '2001:db8::1', '192.0.2.1:80'])
      outcomes.push(await count(address));
    expect(outcomes).toEqual(['too_many_requests', 'counted', 'counted', 'counted', 'counted', 'too_many_requests']);
  });

  it.each([
    { of: 'the addresses of one IPv6 network', addressOf: (i: number) => `2001:db8::${i.toString(16)}` },
    { of: 'an IPv4 address in both forms', addressOf: (i: number) => (i % 2 ? '192.0.2.3' : '::ffff:192.0.2.3') },
    { of: 'a word of a proxy that is no address', addressOf: () => 'x'.repeat(1000) },
  ])('S33: $of count as one', async ({ addressOf }) => {
    const attempts = t.nest.get(AttemptsService, { strict: false });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 103 }, (_, i) => attempts.countWrongToken('login', addressOf(i))),
    );
    const errors = outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => reason.id);
    expect(errors).toEqual(Array(3).fill('too_many_requests'));
  });

  it('S33: an instance that starts later counts on', async () => {
    await wrongTokens(101, 'login', bases);
    const third = await createApp(loadSettings(testEnvironment()), t.clock);
    try {
      await third.listen(0, '127.0.0.1');
      expect((await knock(await third.getUrl(), 'login', 'wrong')).status).toBe(429);
    } finally {
      await third.close();
    }
  });

  it('S33: a wrong token of every shape is counted', async () => {
    const { kid } = JSON.parse(Buffer.from(caller.token.split('.')[0]!, 'base64url').toString());
    const shapes = [
      '',
      '%20',
      'a.b.c',
      `${caller.token}x`,
      caller.token,
      'x'.repeat(5_000),
      Buffer.from(JSON.stringify({ alg: 'none', kid })).toString('base64url'),
    ];
    for (let i = 0; i < 100; i++) await knock(bases[i % 2]!, 'login', shapes[i % shapes.length]!);
    expect((await knock(bases[0]!, 'login', shapes[0]!)).status).toBe(429);
  });
});

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
    await forgive(t);
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
      for (const { door } of DOORS) expect((await knock(t.url, door, 'wrong')).status).toBe(401);
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
      const answers = await ask(105, () => requestToken(t.url, { grant_type: 'unknown' }, scene.client));
      expect(statusesOf(answers)).toEqual({ 400: 105 });
      expect((await WRONG[0]!.one(0)).status).toBe(401);
    });

    it('S33: the address is the one behind the proxies that are trusted', async () => {
      const proxied = await TestApp.startBeside({ TRUSTED_PROXIES: '127.0.0.1' });
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

/** These processes have the real time: all that is counted together has to fall into one minute. */
async function earlyInAMinute(): Promise<void> {
  while (Date.now() % 60_000 > 45_000) await setTimeout(100);
}

describe('S33: two processes', () => {
  let instances: Instance[];

  beforeAll(async () => {
    instances = await Promise.all([Instance.start(), Instance.start()]);
  }, 60_000);
  afterAll(async () => {
    await Promise.all(instances.map((instance) => instance.stop('SIGKILL')));
  });

  it.each(DOORS)(
    'S33: of 240 wrong tokens at the same time over two processes, 100 are counted as such at the $door',
    async ({ door }) => {
      const tokens = await Promise.all([good(door), good(door)]);
      await earlyInAMinute();
      await forgive(t);
      const urls = instances.map(({ url }) => url);
      const answers = await wrongTokens(240, door, urls);
      expect(statusesOf(answers)).toEqual({ 401: 100, 429: 140 });
      expect(statusesOf(await Promise.all(urls.map((url, i) => knock(url, door, tokens[i]!))))).toEqual({
        [OPEN[door]]: 2,
      });
    },
    60_000,
  );
});

/** What an error looks like on the wire, in every case. */
function shapeOf({ status, headers, body }: Answer): unknown {
  return { status, type: headers.get('content-type'), requestId: headers.get('x-request-id'), body };
}

function invalidRequest(status: number): unknown {
  return {
    status,
    type: 'application/json; charset=utf-8',
    requestId: expect.stringMatching(/^[\da-f-]{36}$/),
    body: { id: 'invalid_request', description: expect.any(String) },
  };
}

const MEGABYTE = 'x'.repeat(1024 * 1024);
const KIBIBYTES_64 = 64 * 1024;

function request(line: string, headers: string[] = [], body = ''): string {
  return [line, 'Host: latchkey.test', 'Accept: application/json', ...headers, '', body].join('\r\n');
}

function bodies(length: number): { media: string; body: string }[] {
  return [
    { media: 'application/json', body: `"${'x'.repeat(length - 2)}"` },
    { media: 'application/x-www-form-urlencoded', body: `a=${'x'.repeat(length - 2)}` },
  ];
}

describe('S34: large requests', () => {
  it.each([
    { what: 'a login token', message: request(`GET /login?token=${MEGABYTE} HTTP/1.1`) },
    {
      what: 'a bearer token',
      message: request('GET /api/2.1.1/user/self HTTP/1.1', [`Authorization: Bearer ${MEGABYTE}`]),
    },
    { what: 'a session cookie', message: request('GET /session HTTP/1.1', [`Cookie: latchkey=${MEGABYTE}`]) },
    { what: 'a header that nobody reads', message: request('GET /session HTTP/1.1', [`X-More: ${MEGABYTE}`]) },
    { what: 'a header name', message: request('GET /session HTTP/1.1', [`X-${MEGABYTE}: 1`]) },
    { what: 'a path', message: request(`GET /api/2.1.1/access/${MEGABYTE} HTTP/1.1`) },
    {
      what: 'a thousand headers',
      message: request(
        'GET /session HTTP/1.1',
        Array.from({ length: 1_000 }, (_, i) => `X-${i}: ${'x'.repeat(1_000)}`),
      ),
    },
  ])('S34: $what of 1 MB is answered with 431', async ({ message }) => {
    expect(shapeOf(await wire(t.url, message))).toEqual(invalidRequest(431));
  });

  it.each([
    {
      what: 'a login token',
      path: `/login?token=${'x'.repeat(15_000)}`,
      header: 'x-more',
      value: () => '1',
      status: 401,
      id: 'invalid_token',
    },
    {
      what: 'a bearer token',
      path: '/api/2.1.1/user/self',
      header: 'authorization',
      value: () => `Bearer ${'x'.repeat(15_000)}`,
      status: 401,
      id: 'not_authenticated',
    },
    {
      what: 'a session cookie',
      path: '/session',
      header: 'cookie',
      value: () => `latchkey=${'x'.repeat(15_000)}`,
      status: 401,
      id: 'not_authenticated',
    },
    {
      what: 'a user reference',
      path: `/api/2.1.1/user/${'x'.repeat(8_000)}`,
      header: 'authorization',
      value: () => `Bearer ${caller.token}`,
      status: 400,
      id: 'missing_field',
    },
    {
      what: 'a path',
      path: `/${'x'.repeat(15_000)}`,
      header: 'x-more',
      value: () => '1',
      status: 404,
      id: 'not_found',
    },
  ])('S34: $what just below the limit is answered with $status', async ({ path, header, value, status, id }) => {
    await forgive(t);
    const answer = await t.call(path, { headers: { accept: 'application/json', [header]: value() } });
    expect({ status: answer.status, body: answer.body }).toEqual({
      status,
      body: { id, description: expect.any(String) },
    });
  });

  it.each(bodies(KIBIBYTES_64 + 1))(
    'S34: a body of $media over 64 KiB is answered with 413, announced or in chunks',
    async ({ media, body }) => {
      const headers = [`Content-Type: ${media}`];
      const announced = await wire(
        t.url,
        request('POST /logout HTTP/1.1', [...headers, `Content-Length: ${body.length}`], body),
      );
      expect(shapeOf(announced)).toEqual(invalidRequest(413));
      const chunks = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
      expect(
        shapeOf(
          await wire(t.url, request('POST /logout HTTP/1.1', [...headers, 'Transfer-Encoding: chunked'], chunks)),
        ),
      ).toEqual(invalidRequest(413));
    },
  );

  it('S34: a body of 1 MB is answered with 413 before it is sent', async () => {
    const message = request('POST /logout HTTP/1.1', [
      'Content-Type: application/json',
      `Content-Length: ${MEGABYTE.length}`,
    ]);
    expect(shapeOf(await wire(t.url, message))).toEqual(invalidRequest(413));
  });

  it.each(bodies(KIBIBYTES_64))('S34: a body of $media of 64 KiB is read', async ({ media, body }) => {
    const answer = await t.call('/logout', {
      method: 'POST',
      headers: { 'content-type': media, 'sec-fetch-site': 'same-origin' },
      body,
    });
    expect(answer.status).toBe(204);
  });
});

describe('S34: slow and half-open requests', () => {
  /** The service with limits of a fraction of a second, so that a test can wait for them. */
  let hasty: NestFastifyApplication;
  let server: Server;
  let url: string;
  const sockets: Socket[] = [];
  let logged: jest.Spied<Logger['error']>;

  beforeAll(async () => {
    hasty = await createApp(loadSettings(testEnvironment()), t.clock, { patience: 400, interval: 50 });
    server = hasty.getHttpServer();
    await hasty.listen(0, '127.0.0.1');
    url = await hasty.getUrl();
  });
  beforeEach(() => {
    logged = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await noConnectionIsLeft();
  });
  afterAll(() => hasty.close());

  const HEALTH = 'GET /health HTTP/1.1\r\nHost: latchkey.test\r\nConnection: close\r\n\r\n';

  /** A client that sends `text` and never closes its side. */
  async function open(text: string): Promise<{ socket: Socket; answer: Promise<string> }> {
    const { port } = server.address() as AddressInfo;
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    sockets.push(socket);
    const chunks: Buffer[] = [];
    const answer = new Promise<string>((resolve) => {
      socket.on('data', (chunk) => chunks.push(chunk));
      for (const event of ['end', 'error', 'close'])
        socket.once(event, () => resolve(Buffer.concat(chunks).toString()));
    });
    await new Promise((resolve) => socket.once('connect', resolve));
    if (text) socket.write(text);
    return { socket, answer };
  }

  function connections(): Promise<number> {
    return new Promise((resolve, reject) => {
      server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
    });
  }

  async function noConnectionIsLeft(withinMs = 5_000): Promise<number> {
    const deadline = Date.now() + withinMs;
    while ((await connections()) > 0 && Date.now() < deadline) await setTimeout(25);
    return connections();
  }

  const SLOW = [
    { what: 'nothing', text: '' },
    { what: 'half of a request line', text: 'GET /logi' },
    { what: 'half of the headers', text: 'GET /login?token=x HTTP/1.1\r\nHost: latchkey.test\r\nX-More: ' },
    {
      what: 'half of a body',
      text: 'POST /logout HTTP/1.1\r\nHost: latchkey.test\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"a":',
    },
    {
      what: 'half of a chunk',
      text: 'POST /logout HTTP/1.1\r\nHost: latchkey.test\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{"a":',
    },
  ];

  it.each(SLOW)('S34: a client that sends $what is told that it took too long', async ({ text }) => {
    const { answer } = await open(text);
    const [head, body] = (await answer).split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    expect(head).toMatch(/\r\nX-Request-Id: [\da-f-]{36}(\r\n|$)/i);
    expect(JSON.parse(body!)).toEqual({ id: 'invalid_request', description: expect.any(String) });
  });

  it('S34: the connections of slow clients are gone after that, also when the clients keep their side open', async () => {
    const clients = await Promise.all(SLOW.map(({ text }) => open(text)));
    const answers = await Promise.all(clients.map(({ answer }) => answer));
    expect(answers).toEqual(answers.map(() => expect.stringMatching(/^HTTP\/1\.1 408 /)));
    expect(await noConnectionIsLeft()).toBe(0);
  });

  it.each([
    { what: 'no HTTP', text: 'GARBAGE\r\n\r\n', status: 400 },
    {
      what: 'headers of 70 KB',
      text: `GET / HTTP/1.1\r\nHost: latchkey.test\r\nX-More: ${'x'.repeat(70_000)}\r\n\r\n`,
      status: 431,
    },
    {
      what: 'a body that is too long',
      text: 'POST /logout HTTP/1.1\r\nHost: latchkey.test\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{',
      status: 413,
    },
  ])(
    'S34: the connection of a client that sends $what is gone after its answer, also when the client keeps its side open',
    async ({ text, status }) => {
      const { answer } = await open(text);
      expect(await answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
      expect(await noConnectionIsLeft()).toBe(0);
    },
  );

  it.each([
    { what: 'headers', text: 'GET / HTTP/1.1\r\nHost: latchkey.test\r\nX-More: ' },
    {
      what: 'a body',
      text: 'POST /logout HTTP/1.1\r\nHost: latchkey.test\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n',
    },
  ])('S34: a client that sends $what drop by drop is cut off', async ({ text }) => {
    const { socket, answer } = await open(text);
    const drops = setIntervalUntil(answer, 20, () => socket.writable && socket.write('x'));
    expect(await answer).toMatch(/^HTTP\/1\.1 408 /);
    await drops;
  });

  it('S34: clients that never read their answers are let go', async () => {
    // More than the buffers of both sides of a connection hold.
    const text = 'GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: latchkey.test\r\n\r\n'.repeat(20);
    const clients = Array.from({ length: 10 }, async () => {
      const { port } = server.address() as AddressInfo;
      const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
      sockets.push(socket.pause());
      socket.on('error', () => undefined);
      await new Promise((resolve) => socket.once('connect', resolve));
      socket.write(text);
    });
    await Promise.all(clients);
    expect(await noConnectionIsLeft(20_000)).toBe(0);
  });

  it('S34: a client that goes away in the middle of a body is no failure of the service', async () => {
    const { socket } = await open(SLOW[3]!.text);
    const request = await new Promise<IncomingMessage>((resolve) => {
      server.once('request', resolve);
    });
    const closed = new Promise((resolve) => request.once('close', resolve));
    socket.destroy();
    await closed;
    expect(await noConnectionIsLeft()).toBe(0);
    expect(logged).not.toHaveBeenCalled();
  });

  it('S34: others are served while a hundred clients keep it waiting', async () => {
    await Promise.all(Array.from({ length: 100 }, (_, i) => open(SLOW[i % SLOW.length]!.text)));
    const answers = await Promise.all(Array.from({ length: 10 }, () => wire(url, HEALTH)));
    expect(statusesOf(answers)).toEqual({ 200: 10 });
  });

  it('S34: the service as it runs gives a request at most 30 s to arrive', () => {
    const { headersTimeout, requestTimeout } = t.nest.getHttpServer() as Server;
    // Node takes the smaller of the two for the headers and the greater one for the whole request.
    expect(Math.max(headersTimeout, requestTimeout)).toBeLessThanOrEqual(30_000);
    expect(Math.min(headersTimeout, requestTimeout)).toBeGreaterThan(0);
    // It looks for who has taken too long as often as this says, in milliseconds; by default every 30 s.
    expect(t.nest.getHttpServer()).toMatchObject({ connectionsCheckingInterval: 1_000 });
  });
});

/** Does `work` at intervals until `end` is there. */
async function setIntervalUntil(end: Promise<unknown>, milliseconds: number, work: () => unknown): Promise<void> {
  const timer = setInterval(work, milliseconds);
  await end;
  clearInterval(timer);
}

/** As proxies write an address, with another port each time. */
function inSomeForm(address: string, i: number): string {
  const port = 1024 + i;
  return [`${address}:${port}`, `[::ffff:${address}]:${port}`, `${address}:${port}, 127.0.0.1:80`][i % 3]!;
}
