import { describe, expect, it } from '@jest/globals';
import type { Frame } from 'playwright-core';
import { headerOf } from '../echo-application.js';
import { raw } from '../raw.js';
import { application, browser, caller, host, identity, OPEN_PATH, site, stranger, t, user } from './setup.js';

/** What a person sees in a real browser. */
export function itLeadsBrowsers(): void {
  describe('in a real browser', () => {
    it('any page with oauth_token is that page, signed in, at the first try', async () => {
      const context = await browser.newContext({ ignoreHTTPSErrors: true });
      const page = await context.newPage();
      const token = await t.loginToken(caller, user);
      await page.goto(`${site}/course/1?a=%7E&oauth_token=${token}&b=c+d#part-2`);
      expect(page.url()).toBe(`${site}/course/1?a=%7E&b=c+d#part-2`);
      expect(await page.textContent('#user')).toBe(user);
      const pages = application.seen.filter(({ url }) => url.startsWith('/course'));
      expect(pages.map(({ url }) => url)).toEqual(['/course/1?a=%7E&b=c+d']);
      const [cookie] = await context.cookies();
      expect(cookie).toMatchObject({ name: '__Host-latchkey', domain: 'localhost', httpOnly: true, secure: true });
      for (const secret of [token, cookie!.value]) expect(JSON.stringify(application.seen)).not.toContain(secret);
      await context.close();
    });

    it('the link of the access call leads to the site, and logging out leads out of it', async () => {
      const context = await browser.newContext({ ignoreHTTPSErrors: true });
      const page = await context.newPage();
      const { body } = await t.as(caller)(`/access/${user}?returnTo=/course/7`);
      await page.goto(body.url);
      expect([page.url(), await page.textContent('#user')]).toEqual([`${site}/course/7`, user]);
      expect(await page.evaluate(async () => (await fetch('/logout', { method: 'POST' })).status)).toBe(204);
      expect((await page.goto(`${site}/course/7`))!.status()).toBe(401);
      expect(await page.textContent('h1')).toBe('You are not signed in');
      await context.close();
    });
  });

  it('in a frame of the host, a token for it signs in, and the frame stays signed in', async () => {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const page = await context.newPage();
    const frameOf = async (origin: string, src: string): Promise<Frame> => {
      await page.goto(`${origin}/frame?src=${encodeURIComponent(src)}`, { waitUntil: 'networkidle' });
      return page.frames()[1]!;
    };
    const token = await t.loginToken(caller, user, `?embed=${host}`);
    const frame = await frameOf(host, `${site}/course/1?oauth_token=${token}&a=1`);
    expect([frame.url(), await frame.textContent('#user')]).toEqual([`${site}/course/1?a=1`, user]);
    expect(await (await frameOf(host, `${site}/course/2`)).textContent('#user')).toBe(user);
    expect(JSON.stringify(application.seen)).not.toMatch(new RegExp(`${token}|latchkey-embed`));
    // The page that refuses can't be framed either.
    await (await frameOf(stranger, `${site}/course/2`)).waitForURL('chrome-error://chromewebdata/');
    expect((await page.goto(`${site}/course/2`))!.status()).toBe(401);
    await context.close();
  });

  it('a form of another site reaches an open path as nobody’s, and leads to a page with the session', async () => {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const page = await context.newPage();
    await page.goto(`${site}/?oauth_token=${await t.loginToken(caller, user)}`);
    await page.goto(`${host}/form?to=${encodeURIComponent(`${site}${OPEN_PATH}`)}`);
    await page.getByRole('button').click();
    await page.waitForURL(`${site}/course/paid`);
    expect(await page.textContent('#user')).toBe(user);
    const form = application.seen.find(({ url }) => url === OPEN_PATH)!;
    expect([form.method, form.body, headerOf(form, 'X-Latchkey-User')]).toEqual(['POST', 'order=7', '']);
    await context.close();

    const forged = { cookie: '__Host-latchkey=x; a=1', 'x-latchkey-user': 'admin', x_latchkey_user: 'admin' };
    await raw(site, OPEN_PATH, { method: 'POST', headers: forged });
    expect([identity()['x-latchkey-user']?.join('') ?? '', headerOf(application.last, 'Cookie')]).toEqual(['', '']);
    for (const path of [`${OPEN_PATH}/x`, '/payment', `/x/..${OPEN_PATH}/../x`])
      expect((await raw(site, path, { method: 'POST' })).status).toBe(401);
  });

  it.each([
    { query: '?delivery=link', isSignedIn: false, button: 'Continue' },
    { query: '?session=ask', isSignedIn: true, button: 'Continue as Zoë Åkerström' },
    { query: '?session=ask&delivery=link', isSignedIn: true, button: 'Continue as Zoë Åkerström' },
  ])('a token with $query waits on a page, of which the application gets nothing', async ({ query, ...visit }) => {
    const { isSignedIn, button } = visit;
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const page = await context.newPage();
    const { id: other } = await t.world.userOf(caller, { name: 'Sem' });
    if (isSignedIn) await page.goto(`${site}/?oauth_token=${await t.loginToken(caller, other)}`);
    const token = await t.loginToken(caller, user, query);
    await page.goto(`${site}/course/1?a=%7E&oauth_token=${token}&b`);
    expect(application.seen.filter(({ url }) => url.startsWith('/course'))).toEqual([]);
    await page.getByRole('button', { name: button, exact: true }).click();
    expect(page.url()).toBe(`${site}/course/1?a=%7E&b`);
    expect(await page.textContent('#user')).toBe(user);
    expect(JSON.stringify(application.seen)).not.toContain(token);
    await context.close();
  });
}
