import { describe, expect, it } from '@jest/globals';
import { newSecret } from '../../../src/common/id.js';
import { cookieOf } from '../../support/app.js';
import type { Answer } from '../../support/app.js';
import {
  EVIL,
  HTTPS,
  LOOKS,
  SECURE_COOKIE,
  another,
  caller,
  effect,
  expiredToken,
  login,
  secretOf,
  send,
  sessionsOf,
  setUp,
  t,
  usedToken,
  user,
  visitor,
} from './setup.js';
import type { Sent } from './setup.js';

describe('under https', () => {
  setUp(HTTPS);

  describe('what only looks at a link', () => {
    it.each(LOOKS)(
      'S20: $of starts no session and sets no cookie, and the token works afterwards',
      async ({ method = 'GET', headers, status }) => {
        const token = await t.loginToken(caller, user);
        const answer = await send(method, `/login?token=${token}`, headers);
        expect(effect(answer)).toEqual({ status, location: null, cookies: [] });
        expect(answer.headers.get('access-control-allow-origin')).toBeNull();
        expect(await sessionsOf(user)).toBe(0);
        expect(effect(await login(token, { 'sec-fetch-dest': 'document' }))).toEqual({
          status: 303,
          location: '/',
          cookies: [expect.stringMatching(SECURE_COOKIE)],
        });
      },
    );

    it.each(['prefetch', 'prefetch;prerender'])(
      'S20: the answer to Sec-Purpose: %s is not kept for the navigation that may follow',
      async (purpose) => {
        const { headers } = await login(await t.loginToken(caller, user), {
          'sec-purpose': purpose,
          accept: 'text/html',
        });
        expect(headers.get('cache-control')).toBe('no-store');
      },
    );

    it('S20: HEAD answers the same for every token', async () => {
      const good = await t.loginToken(caller, user);
      const used = await t.loginToken(caller, user);
      await login(used);
      const answers = await Promise.all([good, used, 'x', ''].map((token) => send('HEAD', `/login?token=${token}`)));
      const told = answers.map(({ status, headers, text }) =>
        JSON.stringify([status, text, [...headers].filter(([name]) => !['date', 'x-request-id'].includes(name))]),
      );
      expect(new Set(told).size).toBe(1);
    });

    it.each<{ of: string; headers: Sent }>([
      {
        of: 'a navigation',
        headers: {
          'sec-fetch-dest': 'document',
          'sec-fetch-mode': 'navigate',
          'sec-fetch-site': 'cross-site',
          'sec-fetch-user': '?1',
          referer: `${EVIL}/`,
        },
      },
      {
        of: 'a typed address',
        headers: { 'sec-fetch-dest': 'document', 'sec-fetch-mode': 'navigate', 'sec-fetch-site': 'none' },
      },
      { of: 'a browser that says nothing', headers: {} },
    ])('S20: $of starts the session', async ({ headers }) => {
      const answer = await login(await t.loginToken(caller, user), headers);
      expect(effect(answer)).toEqual({ status: 303, location: '/', cookies: [expect.stringMatching(SECURE_COOKIE)] });
      expect(await visitor(cookieOf(answer))).toBe(user);
    });

    it.each(['cross-site', 'same-site', 'same-origin'])(
      'S20: a navigation of a frame from %s uses nothing up before its page is shown',
      async (site) => {
        const headers = { 'sec-fetch-dest': 'iframe', 'sec-fetch-mode': 'navigate', 'sec-fetch-site': site };
        const token = await t.loginToken(caller, user);
        expect(effect(await login(token, headers))).toEqual({ status: 200, location: null, cookies: [] });
        expect((await login(token)).status).toBe(303);
      },
    );
  });

  describe('a bad token', () => {
    const BAD: { of: string; query: () => Promise<string> | string; status: number }[] = [
      { of: 'nothing', query: () => '', status: 400 },
      { of: 'an empty token', query: () => '?token=', status: 401 },
      { of: 'nonsense', query: () => '?token=nonsense', status: 401 },
      { of: 'two tokens', query: () => '?token=a&oauth_token=b', status: 400 },
      { of: 'an array', query: () => '?token[]=a', status: 400 },
      { of: 'a forged token', query: async () => `?token=${await t.loginToken(caller, user)}A`, status: 401 },
      { of: 'a used token', query: usedToken, status: 410 },
      { of: 'an expired token', query: expiredToken, status: 410 },
      { of: 'a token of a user who left', query: tokenOfSomebodyWhoLeft, status: 401 },
      { of: 'an access token', query: () => `?token=${caller.token}`, status: 401 },
      {
        of: 'the secret of a session',
        query: async () => `?token=${secretOf(await t.signIn(caller, await another()))}`,
        status: 401,
      },
    ];

    it.each(BAD)('S21: $of ends no live session and changes nothing', async ({ query }) => {
      const cookie = await t.signIn(caller, user);
      expect(effect(await send('GET', `/login${await query()}`, { cookie }))).toEqual({
        status: 303,
        location: '/',
        cookies: [],
      });
      expect(effect(await send('GET', `/login${await query()}`, { cookie, accept: 'text/html' }))).toEqual({
        status: 303,
        location: '/',
        cookies: [],
      });
      expect(await visitor(cookie)).toBe(user);
    });

    it.each(BAD)('S21: $of sets and clears no cookie where there is no session', async ({ query, status }) => {
      const browsers: Sent[] = [
        { accept: 'text/html' },
        { accept: 'application/json' },
        { cookie: `__Host-latchkey=${newSecret()}; latchkey=${newSecret()}` },
      ];
      for (const headers of browsers) {
        expect(effect(await send('GET', `/login${await query()}`, headers))).toEqual({
          status,
          location: null,
          cookies: [],
        });
      }
    });

    it('S21: ends no live session when there are too many of them', async () => {
      const cookie = await t.signIn(caller, user);
      const answers: Answer[] = [];
      // More than the limit in one minute, which may end meanwhile.
      while (answers.at(-1)?.status !== 429 && answers.length < 400) answers.push(await login('nonsense'));
      expect(effect(answers.at(-1)!)).toEqual({ status: 429, location: null, cookies: [] });
      expect(effect(await login('nonsense', { cookie }))).toEqual({ status: 303, location: '/', cookies: [] });
      expect(await visitor(cookie)).toBe(user);
    });
  });

  describe('a token for somebody else', () => {
    it('S21: is ignored and not consumed where there is a live session, and works in another browser', async () => {
      const cookie = await t.signIn(caller, user);
      const other = await another();
      const token = await t.loginToken(caller, other, '?returnTo=/course');
      const visits: Sent[] = [{ cookie }, { cookie, 'sec-fetch-dest': 'document' }];
      for (const headers of visits) {
        expect(effect(await login(token, headers))).toEqual({ status: 303, location: '/', cookies: [] });
      }
      // Whoever sees pages sees whose session it is.
      const page = await login(token, { cookie, accept: 'text/html' });
      expect(effect(page)).toEqual({ status: 200, location: null, cookies: [] });
      expect([await visitor(cookie), await sessionsOf(other)]).toEqual([user, 0]);
      const elsewhere = await login(token);
      expect(effect(elsewhere)).toEqual({
        status: 303,
        location: '/course',
        cookies: [expect.stringMatching(SECURE_COOKIE)],
      });
      expect([await visitor(cookie), await visitor(cookieOf(elsewhere))]).toEqual([user, other]);
    });

    it('S21: is not consumed either by the same user, and starts a second session in another browser', async () => {
      const cookie = await t.signIn(caller, user);
      const token = await t.loginToken(caller, user);
      expect(effect(await login(token, { cookie }))).toEqual({ status: 303, location: '/', cookies: [] });
      const elsewhere = cookieOf(await login(token));
      expect(elsewhere).not.toBe(cookie);
      expect([await visitor(cookie), await visitor(elsewhere), await sessionsOf(user)]).toEqual([user, user, 2]);
    });

    it('S21: works once the session has ended', async () => {
      const cookie = await t.signIn(caller, user);
      const other = await another();
      const token = await t.loginToken(caller, other);
      await login(token, { cookie });
      await send('POST', '/logout', { cookie, 'sec-fetch-site': 'same-origin' });
      const after = cookieOf(await login(token, { cookie }));
      expect([await visitor(cookie), await visitor(after)]).toEqual([401, other]);
    });
  });
});

async function tokenOfSomebodyWhoLeft(): Promise<string> {
  const { id, groupId } = await t.world.userOf(caller);
  const token = await t.loginToken(caller, id);
  await t.world.leave(id, groupId);
  return `?token=${token}`;
}
