import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp } from '../../../src/app/setup.js';
import { AttemptsService, WRONG_TOKENS_PER_MINUTE } from '../../../src/limits/attempts.service.js';
import type { DomainError } from '../../../src/common/errors/errors.js';
import { loadSettings } from '../../../src/config/settings.js';
import { CallerTokensService } from '../../../src/clients/caller-tokens.service.js';
import { testEnvironment } from '../../support/app.js';
import type { Answer } from '../../support/app.js';
import { forgetFailedAttempts } from '../../support/forge.js';
import { Instance } from '../../support/instance.js';
import { ENDPOINTS, caller, present, setUp, statusesOf, t, user } from './setup.js';
import type { Endpoint } from './setup.js';

setUp();

function good(endpoint: Endpoint): Promise<string> {
  return endpoint === 'login' ? t.loginToken(caller, user) : Promise.resolve(caller.token);
}

const OPEN: Record<Endpoint, number> = { login: 303, API: 200 };

async function wrongTokens(count: number, endpoint: Endpoint, bases: string[]): Promise<Answer[]> {
  return Promise.all(Array.from({ length: count }, (_, i) => present(bases[i % bases.length]!, endpoint, `wrong${i}`)));
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

  it.each(ENDPOINTS)(
    'S33: the 101st wrong token in a minute is refused with 429 at the $endpoint, counted over two instances',
    async ({ endpoint }) => {
      expect(WRONG_TOKENS_PER_MINUTE).toBe(100);
      const statuses = [];
      for (let i = 0; i < 102; i++) statuses.push((await present(bases[i % 2]!, endpoint, 'wrong')).status);
      expect(statuses).toEqual([...Array.from({ length: 100 }, () => 401), 429, 429]);
    },
  );

  it.each(ENDPOINTS)(
    'S33: of 240 wrong tokens at the same time over two instances, 100 are counted as such at the $endpoint',
    async ({ endpoint }) => {
      const answers = await wrongTokens(240, endpoint, bases);
      expect(statusesOf(answers)).toEqual({ 401: 100, 429: 140 });
    },
  );

  it.each(ENDPOINTS)(
    'S33: the answer over the limit at the $endpoint says how long to wait, and nothing about the token',
    async ({ endpoint }) => {
      await wrongTokens(100, endpoint, bases);
      const answers = [await present(bases[0]!, endpoint, 'wrong'), await present(bases[1]!, endpoint, 'wrong')];
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

  it.each(ENDPOINTS)(
    'S33: a good token works from the same address over the limit at the $endpoint',
    async ({ endpoint }) => {
      const tokens = [await good(endpoint), await good(endpoint)];
      const answers = await wrongTokens(110, endpoint, bases);
      expect(statusesOf(answers)).toEqual({ 401: 100, 429: 10 });
      for (const [i, base] of bases.entries())
        expect((await present(base, endpoint, tokens[i]!)).status).toBe(OPEN[endpoint]);
      expect((await t.as(caller)(`/access/${user}`)).status).toBe(200);
      expect((await present(bases[0]!, endpoint, 'wrong')).status).toBe(429);
    },
  );

  it.each(ENDPOINTS)('S33: good tokens do not count at the $endpoint, however many they are', async ({ endpoint }) => {
    const tokens = await Promise.all(Array.from({ length: 105 }, () => good(endpoint)));
    const answers = await Promise.all(tokens.map((token, i) => present(bases[i % 2]!, endpoint, token)));
    expect(statusesOf(answers)).toEqual({ [OPEN[endpoint]]: 105 });
    expect((await present(bases[0]!, endpoint, 'wrong')).status).toBe(401);
  });

  it.each(ENDPOINTS)('S33: a new minute starts anew at the $endpoint, on both instances', async ({ endpoint }) => {
    await wrongTokens(120, endpoint, bases);
    stopAt(59.999);
    const last = await present(bases[0]!, endpoint, 'wrong');
    expect({ status: last.status, retryAfter: last.headers.get('retry-after') }).toEqual({
      status: 429,
      retryAfter: '1',
    });
    minute++;
    stopAt(0);
    expect(statusesOf(await wrongTokens(102, endpoint, bases))).toEqual({ 401: 100, 429: 2 });
  });

  it('S33: used tokens are not counted', async () => {
    const token = await good('login');
    expect((await present(bases[0]!, 'login', token)).status).toBe(303);
    const answers = await Promise.all(Array.from({ length: 105 }, (_, i) => present(bases[i % 2]!, 'login', token)));
    expect(statusesOf(answers)).toEqual({ 410: 105 });
    expect((await present(bases[0]!, 'login', 'wrong')).status).toBe(401);
  });

  it('S33: expired login tokens are not counted', async () => {
    const token = await good('login');
    minute += 2;
    stopAt(21);
    const answers = await Promise.all(Array.from({ length: 105 }, (_, i) => present(bases[i % 2]!, 'login', token)));
    expect(statusesOf(answers)).toEqual({ 410: 105 });
    expect(answers[0]!.body.id).toBe('token_expired');
    expect((await present(bases[0]!, 'login', 'wrong')).status).toBe(401);
  });

  it('S33: expired bearer tokens are not counted', async () => {
    const token = await t.nest
      .get(CallerTokensService, { strict: false })
      .mint({ by: 'id', id: caller.id }, 30, caller.clientId);
    minute += 2;
    stopAt(20.25);
    const answers = await Promise.all(Array.from({ length: 105 }, (_, i) => present(bases[i % 2]!, 'API', token)));
    expect(statusesOf(answers)).toEqual({ 401: 105 });
    expect(statusesOf(await wrongTokens(100, 'API', bases))).toEqual({ 401: 100 });
    expect(statusesOf(await wrongTokens(2, 'API', bases))).toEqual({ 429: 2 });
    expect((await present(bases[0]!, 'API', token)).status).toBe(401);
  });

  it('S33: calls without a token are not counted', async () => {
    const answers = await Promise.all(Array.from({ length: 105 }, () => t.call('/api/2.1.1/user/self')));
    const links = await Promise.all(Array.from({ length: 105 }, () => t.call('/login')));
    expect(statusesOf([...answers, ...links])).toEqual({ 400: 105, 401: 105 });
    expect(
      statusesOf(await Promise.all(ENDPOINTS.map(({ endpoint }) => present(bases[0]!, endpoint, 'wrong')))),
    ).toEqual({
      401: 2,
    });
  });

  it.each([
    { endpoint: 'login' as const, other: 'API' as const },
    { endpoint: 'API' as const, other: 'login' as const },
  ])('S33: wrong tokens at the $endpoint do not count at the $other', async ({ endpoint, other }) => {
    await wrongTokens(101, endpoint, bases);
    expect((await present(bases[0]!, endpoint, 'wrong')).status).toBe(429);
    expect((await present(bases[0]!, other, 'wrong')).status).toBe(401);
  });

  it.each(['x-forwarded-for', 'forwarded', 'x-real-ip', 'client-ip', 'cf-connecting-ip', 'true-client-ip'])(
    'S33: an address that the caller claims in %s is not the one that counts',
    async (header) => {
      const claim = (i: number): Record<string, string> => ({
        [header]: header === 'forwarded' ? `for=192.0.2.${i}` : `192.0.2.${i}`,
      });
      const answers = await Promise.all(
        Array.from({ length: 104 }, (_, i) => present(bases[i % 2]!, 'login', 'wrong', claim(i))),
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
      expect((await present(await third.getUrl(), 'login', 'wrong')).status).toBe(429);
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
    for (let i = 0; i < 100; i++) await present(bases[i % 2]!, 'login', shapes[i % shapes.length]!);
    expect((await present(bases[0]!, 'login', shapes[0]!)).status).toBe(429);
  });
});

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

  it.each(ENDPOINTS)(
    'S33: of 240 wrong tokens at the same time over two processes, 100 are counted as such at the $endpoint',
    async ({ endpoint }) => {
      const tokens = await Promise.all([good(endpoint), good(endpoint)]);
      await earlyInAMinute();
      await forgetFailedAttempts(t);
      const urls = instances.map(({ url }) => url);
      const answers = await wrongTokens(240, endpoint, urls);
      expect(statusesOf(answers)).toEqual({ 401: 100, 429: 140 });
      expect(statusesOf(await Promise.all(urls.map((url, i) => present(url, endpoint, tokens[i]!))))).toEqual({
        [OPEN[endpoint]]: 2,
      });
    },
    60_000,
  );
});
