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
import { forgive } from '../../support/forge.js';
import { Instance } from '../../support/instance.js';
import { DOORS, caller, knock, setUp, statusesOf, t, user } from './setup.js';
import type { Door } from './setup.js';

setUp();

function good(door: Door): Promise<string> {
  return door === 'login' ? t.loginToken(caller, user) : Promise.resolve(caller.token);
}

const OPEN: Record<Door, number> = { login: 303, API: 200 };

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
