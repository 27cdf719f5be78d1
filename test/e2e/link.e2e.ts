import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { call, TestApp } from '../support/app.js';
import { launchChromium } from '../support/chromium.js';
import { freePort } from '../support/free-port.js';
import type { TestCaller } from '../support/world.js';

/** What a browser calls itself that a person uses. */
const USER_AGENT =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36';

let t: TestApp;
/** One that does not tell pages that a program steers it, and one that does, as scanners of mails run them. */
let browser: Browser;
let scanner: Browser;
let contexts: BrowserContext[] = [];
let caller: TestCaller;
let user: string;

beforeAll(async () => {
  const port = await freePort();
  t = await TestApp.start({ PUBLIC_URL: `http://localhost:${port}` }, port);
  browser = await launchChromium(['--disable-blink-features=AutomationControlled']);
  scanner = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await scanner?.close();
  await t?.stop();
});
beforeEach(async () => {
  t.clock.reset();
  caller = await t.world.caller();
  ({ id: user } = await t.world.userOf(caller));
});
afterEach(async () => {
  await Promise.all(contexts.splice(0).map((context) => context.close()));
});

async function linkFor(who = user, query = '?delivery=link'): Promise<string> {
  return (await t.as(caller)(`/access/${who}${query}`)).body.url;
}

async function newContext(of = browser, options: BrowserContextOptions = {}): Promise<BrowserContext> {
  const context = await of.newContext({ userAgent: USER_AGENT, ...options });
  contexts.push(context);
  return context;
}

async function newPage(of?: Browser, options?: BrowserContextOptions): Promise<Page> {
  return (await newContext(of, options)).newPage();
}

function sessionsOf(userId: string): Promise<number> {
  return t.world.sessionsOf(userId);
}

/** The title once the page is the one that is expected, or what it is after a while. */
async function titleOf(page: Page, expected: string): Promise<string | null> {
  await page
    .getByRole('heading', { name: expected, exact: true })
    .waitFor({ timeout: 5000 })
    .catch(() => undefined);
  return page.textContent('h1');
}

/** Long enough for a page to have done what it does by itself. */
async function settled(page: Page): Promise<void> {
  await page.waitForLoadState('networkidle');
}

it('a link signs the visitor in by itself when it is opened', async () => {
  const page = await newPage();
  const requests: string[] = [];
  page.on('request', (request) => requests.push(`${request.method()} ${new URL(request.url()).pathname}`));
  await page.goto(await linkFor());
  expect(await titleOf(page, 'You are signed in')).toBe('You are signed in');
  expect(new URL(page.url()).search).toBe('');
  expect(requests.filter((request) => !request.includes('favicon'))).toEqual([
    'GET /login',
    'GET /login/continue.js',
    'POST /login',
    'GET /',
  ]);
  expect(await sessionsOf(user)).toBe(1);
});

it('a link tells nobody its token: not in a page, not in a Referer', async () => {
  const page = await newPage();
  const url = await linkFor();
  const token = new URL(url).searchParams.get('token')!;
  const referrers: (string | undefined)[] = [];
  const bodies: Promise<string>[] = [];
  page.on('request', (request) => {
    referrers.push(request.headers().referer);
  });
  page.on('response', (response) => {
    if (response.status() === 200) bodies.push(response.text().catch(() => ''));
  });
  // A browser may have forgotten the first page before it is asked for its text.
  const { pathname, search } = new URL(url);
  const first = await t.call(pathname + search, { headers: { accept: 'text/html' } });
  expect(first.text).toContain('One more step');
  bodies.push(Promise.resolve(first.text));
  await page.goto(url);
  await titleOf(page, 'You are signed in');
  expect(referrers.length).toBeGreaterThan(3);
  expect(referrers.filter((referrer) => referrer?.includes(token.slice(0, 20)))).toEqual([]);
  const texts = await Promise.all(bodies);
  expect(texts.filter((text) => text.includes(token.slice(-20)))).toEqual([]);
});

it('a link works with its button where scripts are turned off', async () => {
  const page = await newPage(browser, { javaScriptEnabled: false });
  await page.goto(await linkFor());
  expect(await page.textContent('h1')).toBe('One more step');
  expect(await sessionsOf(user)).toBe(0);
  await page.getByRole('button', { name: 'Continue' }).click();
  expect(await titleOf(page, 'You are signed in')).toBe('You are signed in');
});

it('a link is not used up by a scanner that runs its scripts, and works for the visitor afterwards', async () => {
  const url = await linkFor();
  for (const options of [{}, { userAgent: undefined }] as BrowserContextOptions[]) {
    const page = await newPage(scanner, options);
    await page.goto(url);
    await settled(page);
    expect(await page.textContent('h1')).toBe('One more step');
  }
  expect(await sessionsOf(user)).toBe(0);
  const page = await newPage();
  await page.goto(url);
  expect(await titleOf(page, 'You are signed in')).toBe('You are signed in');
});

it('a link is not used up by a browser without a window that hides that a program steers it', async () => {
  const page = await newPage(browser, { userAgent: undefined });
  await page.goto(await linkFor());
  await settled(page);
  expect([await page.textContent('h1'), await sessionsOf(user)]).toEqual(['One more step', 0]);
});

it.each([
  { of: 'curl', headers: { 'user-agent': 'curl/8.5.0', accept: '*/*' } },
  {
    of: 'a preview of a chat',
    headers: { 'user-agent': 'Slackbot-LinkExpanding 1.0', accept: '*/*', range: 'bytes=0-32768' },
  },
  { of: 'a scanner of mails', headers: { 'user-agent': USER_AGENT, accept: 'text/html' } },
] as { of: string; headers: Record<string, string> }[])('a link is not used up by $of', async ({ headers }) => {
  const { pathname, search, origin } = new URL(await linkFor());
  for (const method of ['GET', 'HEAD'])
    expect((await call(origin, pathname + search, { method, headers })).status).toBe(200);
  expect(await sessionsOf(user)).toBe(0);
});

it('a link waits in a tab that is not shown, until it is', async () => {
  const context = await newContext();
  await context.addInitScript(`
    let isShown = false;
    Object.defineProperty(document, 'visibilityState', { get: () => (isShown ? 'visible' : 'hidden') });
    window.show = () => { isShown = true; document.dispatchEvent(new Event('visibilitychange')); };
  `);
  const page = await context.newPage();
  await page.goto(await linkFor());
  await settled(page);
  expect([await page.textContent('h1'), await sessionsOf(user)]).toEqual(['One more step', 0]);
  await page.evaluate('show()');
  expect(await titleOf(page, 'You are signed in')).toBe('You are signed in');
});

it('a link waits in a page that is made in advance, until the visitor goes there', async () => {
  const context = await newContext();
  await context.addInitScript(`
    let isAhead = true;
    Object.defineProperty(document, 'prerendering', { get: () => isAhead });
    window.activate = () => { isAhead = false; document.dispatchEvent(new Event('prerenderingchange')); };
  `);
  const page = await context.newPage();
  await page.goto(await linkFor());
  await settled(page);
  expect([await page.textContent('h1'), await sessionsOf(user)]).toEqual(['One more step', 0]);
  await page.evaluate('activate()');
  expect(await titleOf(page, 'You are signed in')).toBe('You are signed in');
});

it('a link that was used or has expired says so on its page', async () => {
  const url = await linkFor();
  await titleOf(await opened(url), 'You are signed in');
  expect(await (await opened(url)).textContent('h1')).toBe('This link was already used');
  const late = await linkFor();
  t.clock.advance(121);
  expect(await (await opened(late)).textContent('h1')).toBe('This link has expired');
});

it('a link that asks shows both names, and does what the visitor chooses', async () => {
  const { id: other } = await t.world.userOf(caller, { name: 'Sem Bakker' });
  const page = await opened(await linkFor(other));
  await titleOf(page, 'You are signed in');
  const question = 'Continue as somebody else?';
  const url = await linkFor(user, '?session=ask&delivery=link');

  await page.goto(url);
  expect(await titleOf(page, question)).toBe(question);
  await page.getByRole('button', { name: 'Stay signed in as Sem Bakker' }).click();
  await titleOf(page, 'You are signed in');
  expect(await page.textContent('dd')).toBe('Sem Bakker');

  await page.goto(url);
  await page.getByRole('button', { name: 'Continue as Noor de Vries' }).click();
  await titleOf(page, 'You are signed in');
  expect(await page.textContent('dd')).toBe('Noor de Vries');
  expect(new URL(page.url()).search).toBe('');
});

it('a link leads to another site, which is not told from where', async () => {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  caller = await t.world.caller({ origins: [origin] });
  ({ id: user } = await t.world.userOf(caller));
  const page = await newPage(browser, { javaScriptEnabled: false });
  const referrers: (string | undefined)[] = [];
  await page.route(`${origin}/**`, (route) => {
    referrers.push(route.request().headers().referer);
    return route.fulfill({ contentType: 'text/html', body: '<h1>The course</h1>' });
  });
  await page.goto(await linkFor(user, `?delivery=link&returnTo=${origin}/course`));
  await page.getByRole('button', { name: 'Continue' }).click();
  expect(await titleOf(page, 'The course')).toBe('The course');
  expect([page.url(), referrers[0]]).toEqual([`${origin}/course`, undefined]);
});

async function opened(url: string): Promise<Page> {
  const page = await newPage();
  await page.goto(url);
  return page;
}
