import { describe, expect, it } from '@jest/globals';
import { cookieOf } from '../app.js';
import { headerOf } from '../echo-application.js';
import { application, ask, caller, site, t, user } from './setup.js';

/** What a token does that is in an address. */
export function itTakesTokens(): void {
  it('S33: wrong tokens are counted for the address that the proxy sees, whatever a browser says', async () => {
    await t.world.write((db) => db.query('DELETE FROM "failed_attempts"'));
    const forged = { 'x-forwarded-for': '203.0.113.99', 'x-real-ip': '203.0.113.99', forwarded: 'for=203.0.113.99' };
    await ask('/login?token=x', forged);
    await ask('/course?oauth_token=x', forged);
    const rows: { key: string }[] = await t.world.write((db) => db.query('SELECT "key" FROM "failed_attempts"'));
    expect([...new Set(rows.map(({ key }) => key.split(' ')[1]))]).toEqual(['127.0.0.1']);
  });

  it('session=switch ends the session of whoever was signed in', async () => {
    const { id: other } = await t.world.userOf(caller);
    const cookie = cookieOf(await ask(`/?oauth_token=${await t.loginToken(caller, other)}`));
    const token = await t.loginToken(caller, user, '?session=switch');
    const answer = await ask(`/a?oauth_token=${token}`, { cookie });
    expect([answer.status, answer.headers.get('location')]).toEqual([303, `${site}/a`]);
    await ask('/a', { cookie: cookieOf(answer) });
    expect(headerOf(application.last, 'X-Latchkey-User')).toBe(user);
    expect((await ask('/a', { cookie })).status).toBe(401);
  });

  describe('a token', () => {
    it('in another spelling signs in too, and does not reach the application', async () => {
      const token = await t.loginToken(caller, user);
      const answer = await ask(`/a?x&oauth%5Ftoken=${token}`);
      expect([answer.status, answer.headers.get('location'), application.seen]).toEqual([303, `${site}/a?x`, []]);
    });

    it('S20: is not used up by what only looks at the page', async () => {
      const path = `/a?oauth_token=${await t.loginToken(caller, user)}`;
      expect((await ask(path, { 'sec-purpose': 'prefetch' })).status).toBe(400);
      expect((await ask(path, { 'sec-fetch-dest': 'image' })).status).toBe(400);
      expect((await ask(path, {}, 'HEAD')).status).toBe(400);
      expect((await ask(path)).status).toBe(303);
    });

    it('that was used is a page that says so', async () => {
      const path = `/a?oauth_token=${await t.loginToken(caller, user)}`;
      await ask(path);
      const again = await ask(path);
      expect([again.status, again.headers.getSetCookie(), application.seen]).toEqual([410, [], []]);
      expect(again.text).toContain('<h1>This link was already used</h1>');
    });
  });
}
