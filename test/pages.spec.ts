import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newSecret } from '../src/common/id.js';
import { User } from '../src/schema/entities/user.entity.js';
import { cookieOf, TestApp } from './support/app.js';
import type { Answer } from './support/app.js';
import { raw } from './support/raw.js';
import type { TestCaller } from './support/world.js';

const BROWSER = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };
/** What Java's own client sends when nobody tells it what to accept. */
const JAVA = { accept: 'text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2' };
const SIGN_IN_URL = 'https://portal.example/courses?from=learn';

let t: TestApp;
let caller: TestCaller;
let user: string;

beforeAll(async () => {
  t = await TestApp.start({ SIGN_IN_URL });
});
afterAll(() => t.stop());
beforeEach(async () => {
  t.clock.reset();
  caller = await t.world.caller();
  ({ id: user } = await t.world.userOf(caller, { name: 'Noor de Vries' }));
});

function get(path: string, headers: Record<string, string> = BROWSER): Promise<Answer> {
  return raw(t.url, path, { headers });
}

function titleOf({ text, headers }: Answer): string | undefined {
  expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
  const [, title] = /<title>(.*)<\/title>/.exec(text)!;
  expect(text).toContain(`<h1>${title}</h1>`);
  return title;
}

/** Where a page leads on to, and what it calls that. */
function linkOf({ text }: Answer): [href: string, label: string] | undefined {
  const found = /<a href="([^"]*)" target="_top">([^<]*)<\/a>/.exec(text);
  return found ? [found[1]!.replaceAll('&#38;', '&'), found[2]!] : undefined;
}

describe('a browser that asks for HTML gets a page', () => {
  it.each([
    { path: '/login/typo', status: 404, title: 'There is no page here' },
    { path: '/guides', status: 404, title: 'There is no page here' },
    { path: '/guides/constructor', status: 404, title: 'There is no page here' },
    { path: '/nothing', status: 404, title: 'There is no page here' },
    { path: '/logout', status: 405, title: 'There is no page here' },
    { path: '/session', status: 401, title: 'You are not signed in' },
    { path: '/oauth/interaction/nothing', status: 400, title: 'Your browser blocks cookies' },
    { path: '/login', status: 400, title: 'This link is not complete' },
    { path: '/login?token=a&token=b', status: 400, title: 'This link does not work' },
  ])('at $path', async ({ path, status, title }) => {
    const page = await get(path);
    expect([page.status, titleOf(page)]).toEqual([status, title]);
    expect(page.text).toContain(page.headers.get('x-request-id')!);
  });

  it.each([
    { path: '/nothing', headers: { accept: '*/*' } },
    { path: '/nothing', headers: JAVA },
    { path: '/logout', headers: JAVA },
    { path: '/session', headers: JAVA },
    { path: '/session', headers: { accept: 'application/json, text/html' } },
    { path: '/api/2.1.1/nothing', headers: BROWSER },
    { path: '/api/2.1.1/user', headers: BROWSER },
  ])('and a program an object: $path $headers.accept', async ({ path, headers }) => {
    const { body, headers: answered } = await get(path, headers);
    expect(answered.get('content-type')).toBe('application/json; charset=utf-8');
    expect(body).toEqual({ id: expect.any(String), description: expect.any(String) });
  });

  it('of a sign-in that has ended, which is no link', async () => {
    const page = await get('/oauth/interaction/nothing', { ...BROWSER, cookie: `latchkey_browser=${newSecret()}` });
    expect([page.status, titleOf(page)]).toEqual([400, 'This sign-in has ended']);
  });

  it('with the same at /session', async () => {
    const cookie = await t.signIn(caller, user);
    const page = await get('/session', { ...BROWSER, cookie });
    expect([page.status, page.headers.get('location')]).toEqual([303, '/login/sessions']);
    expect((await get('/session', { ...JAVA, cookie })).body.user.name).toBe('Noor de Vries');
  });

  it('that says after too many attempts for how long they are refused', async () => {
    t.clock.advance(60);
    let page = await get('/login?token=wrong');
    for (let attempts = 1; page.status === 401 && attempts <= 101; attempts++) page = await get('/login?token=wrong');
    expect([page.status, titleOf(page)]).toEqual([429, 'Too many attempts']);
    expect(page.text).toContain(`<p>Try again in ${page.headers.get('retry-after')} second`);
  });

  it('with an icon', async () => {
    const icon = await get('/favicon.ico', { accept: 'image/avif,image/webp,*/*' });
    expect([icon.status, icon.headers.get('content-type')]).toEqual([200, 'image/svg+xml']);
    expect(icon.text).toMatch(/^<svg [^]*<\/svg>$/);
    expect((await get('/')).headers.get('content-security-policy')).toContain("img-src 'self'");
  });
});

const LABEL = 'Sign in at portal.example';

function back(returnTo: string): string {
  return `${SIGN_IN_URL}&return_to=${encodeURIComponent(returnTo)}`;
}

describe('a dead end', () => {
  it('leads on to the page that the link was for, at the site that signs people in', async () => {
    const page = `/course?id=1&part=2`;
    const used = await t.loginToken(caller, user, `?returnTo=${encodeURIComponent(page)}`);
    expect(cookieOf(await get(`/login?token=${used}`))).not.toBe('');
    const again = await get(`/login?token=${used}`);
    expect([again.status, linkOf(again)]).toEqual([410, [back(page), LABEL]]);

    const late = await t.loginToken(caller, user, `?returnTo=${encodeURIComponent(page)}`);
    t.clock.advance(121);
    const expired = await get(`/login?token=${late}`);
    expect([expired.status, linkOf(expired)]).toEqual([410, [back(page), LABEL]]);

    const refused = await t.loginToken(caller, user, `?returnTo=${encodeURIComponent(page)}`);
    await t.world.write((db) => db.update(User, { id: user }, { status: 'BLOCKED' }));
    const blocked = await get(`/login?token=${refused}`);
    expect([blocked.status, linkOf(blocked)]).toEqual([401, [back(page), LABEL]]);
  });

  it('leads on without a page where the link named none, or is not ours', async () => {
    const used = await t.loginToken(caller, user);
    await get(`/login?token=${used}`);
    expect(linkOf(await get(`/login?token=${used}`))).toEqual([SIGN_IN_URL, LABEL]);
    for (const path of ['/', '/session', '/login', '/login?token=wrong', '/nothing', '/oauth/interaction/nothing'])
      expect([path, linkOf(await get(path))]).toEqual([path, [SIGN_IN_URL, LABEL]]);
    const forged = `/login?token=wrong&returnTo=https://evil.example&return_to=https://evil.example`;
    expect(linkOf(await get(forged))).toEqual([SIGN_IN_URL, LABEL]);
  });
});
