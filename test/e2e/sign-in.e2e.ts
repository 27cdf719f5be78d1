import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { TestApp } from '../support/app.js';
import { launchChromium, launchChromiumProfile } from '../support/chromium.js';
import { freePort } from '../support/free-port.js';
import { LOCAL_NAMES, serveHttps } from '../support/https-sites.js';
import { authorizeQuery, newClient, newPerson, newScene, PASSWORD } from '../support/oauth.js';
import type { Scene, TestClient } from '../support/oauth.js';
import type { Proxy } from '../support/proxy.js';

/** The service; a site of somebody else on a sister host, which sets what cookies it likes; and the client. */
let service: string;
let sister: string;
let host: string;
let t: TestApp;
let pages: Server;
let proxy: Proxy;
let browser: Browser;
let contexts: BrowserContext[] = [];
let scene: Scene;
let client: TestClient;
/** What the sister host sets, and what the client got. */
let planted: string[] = [];
let callbacks: URLSearchParams[] = [];

beforeAll(async () => {
  const [port, ready, appPort] = [await freePort(), await freePort(), await freePort()];
  [service, sister, host] = ['login.site.test', 'evil.site.test', 'host.test'].map(
    (name) => `https://${name}:${port}`,
  ) as [string, string, string];
  t = await TestApp.start({ PUBLIC_URL: service }, appPort);
  pages = await listen();
  const { port: pagesPort } = pages.address() as AddressInfo;
  proxy = await serveHttps({ [service]: appPort, [sister]: pagesPort, [host]: pagesPort }, ready);
  browser = await launchChromium([LOCAL_NAMES, '--disable-blink-features=AutomationControlled']);
  scene = await newScene(t);
  client = await newClient(t, scene.organizationId, { redirectUris: [`${host}/callback`] });
});
afterAll(async () => {
  await browser?.close();
  await proxy?.stop();
  pages?.close();
  await t?.stop();
});
beforeEach(() => {
  planted = [];
  callbacks = [];
});
afterEach(async () => {
  await Promise.all(contexts.splice(0).map((context) => context.close()));
});

function listen(): Promise<Server> {
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const { pathname, searchParams } = new URL(request.url!, 'http://pages');
    response.setHeader('Content-Type', 'text/html');
    if (pathname === '/plant') response.setHeader('Set-Cookie', planted);
    if (pathname === '/callback') callbacks.push(searchParams);
    response.end(`<h1>${pathname}</h1>`);
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

async function newPage(options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, ...options });
  contexts.push(context);
  return context.newPage();
}

function begin(more: Record<string, string> = {}): string {
  return `${service}/oauth/authorize?${authorizeQuery(client, { redirect_uri: `${host}/callback`, state: 'begun', ...more })}`;
}

async function fill(page: Page, emailAddress = scene.person.emailAddress): Promise<void> {
  await page.getByLabel('E-mail address').fill(emailAddress);
  await page.getByLabel('Password').fill(PASSWORD);
}

/** The title once the page is the one that is expected, or what it is after a while. */
async function titleOf(page: Page, expected: string): Promise<string | null> {
  await page
    .getByRole('heading', { name: expected, exact: true })
    .waitFor({ timeout: 8000 })
    .catch(() => undefined);
  return page.textContent('h1');
}

it('S35: what a sister host plants lets nobody go on in another browser than their own', async () => {
  const attacker = await newPage();
  await attacker.goto(begin());
  const uid = new URL(attacker.url()).pathname.split('/').at(-1)!;
  const cookies = await attacker.context().cookies();
  expect(cookies.map(({ name }) => name)).toEqual(['__Host-latchkey_browser']);
  const values = [uid, ...cookies.map(({ value }) => value)];
  const names = [
    ...['browser', 'oauth', 'interaction', 'resume'].flatMap((kind) => [`latchkey_${kind}`, `__Host-latchkey_${kind}`]),
    'interaction',
    'resume',
  ];
  planted = ['', '\xa0', '\t', ' ', '='].flatMap((before) =>
    names.flatMap((name) =>
      values.map((value) => `${before}${name}=${value}; Domain=site.test; Path=/; Secure; SameSite=None`),
    ),
  );
  const victim = await newPage();
  await victim.goto(`${sister}/plant`);
  await victim.goto(`${service}/oauth/interaction/${uid}`);
  expect(await victim.textContent('main')).toContain('start again');
  // The victim signs in on the genuine page, for a client of their own.
  await victim.goto(begin());
  await fill(victim);
  await victim.getByRole('button', { name: 'Sign in' }).click();
  expect(await titleOf(victim, 'Allow access?')).toBe('Allow access?');
  for (const path of [`/oauth/authorize/${uid}`, `/oauth/interaction/${uid}`]) {
    await attacker.goto(service + path);
    expect(await attacker.textContent('h1')).toBe('Sign in');
  }
  expect(callbacks).toEqual([]);
});

it('S35: a sign-in session that a sister host plants is none', async () => {
  const attacker = await newPage();
  await attacker.goto(begin());
  await fill(attacker, (await newPerson(t, scene.organizationId)).emailAddress);
  await attacker.getByRole('button', { name: 'Sign in' }).click();
  await titleOf(attacker, 'Allow access?');
  await attacker.getByRole('button', { name: 'Allow' }).click();
  await titleOf(attacker, '/callback');
  const { value } = (await attacker.context().cookies()).find(({ name }) => name.endsWith('latchkey_oauth'))!;
  planted = ['', '\xa0', ' ', '=', '__Host-'].flatMap((before) =>
    ['latchkey_oauth', '__Host-latchkey_oauth'].map(
      (name) => `${before}${name}=${value}; Domain=site.test; Path=/; Secure`,
    ),
  );
  const victim = await newPage();
  await victim.goto(`${sister}/plant`);
  await victim.goto(begin());
  expect(await victim.textContent('h1')).toBe('Sign in');
});

it.each([
  { scripts: 'with scripts', javaScriptEnabled: true },
  { scripts: 'without scripts', javaScriptEnabled: false },
])(
  'a double click on each button leads to the client, $scripts',
  async ({ javaScriptEnabled }) => {
    for (const delay of [0, 90, 250]) {
      const page = await newPage({ javaScriptEnabled });
      await page.goto(begin({ prompt: 'consent' }));
      await fill(page);
      await clickTwice(page, 'Sign in', delay);
      expect([delay, await titleOf(page, 'Allow access?')]).toEqual([delay, 'Allow access?']);
      // A page that asks to agree takes no click at first, which may be half of one on the page before.
      await page.waitForTimeout(800);
      await clickTwice(page, 'Allow', delay);
      expect([delay, await titleOf(page, '/callback')]).toEqual([delay, '/callback']);
      expect(new URL(page.url()).searchParams.get('code')).toBeTruthy();
    }
  },
  120_000,
);

it('Back leads on: from the page that asks to agree, and from the client', async () => {
  const page = await newPage();
  await page.goto(begin());
  await fill(page);
  await page.getByRole('button', { name: 'Sign in' }).click();
  expect(await titleOf(page, 'Allow access?')).toBe('Allow access?');
  await page.goBack();
  expect(await titleOf(page, 'Allow access?')).toBe('Allow access?');
  await page.getByRole('button', { name: 'Allow' }).click();
  expect(await titleOf(page, '/callback')).toBe('/callback');
  await page.goBack();
  expect(await titleOf(page, '/callback')).toBe('/callback');
  expect(callbacks.at(-1)!.get('code')).toBeTruthy();
});

it('two tabs of one browser each finish their sign-in', async () => {
  const one = await newPage();
  const two = await one.context().newPage();
  await one.goto(begin({ state: 'one' }));
  await two.goto(begin({ state: 'two' }));
  for (const page of [one, two]) {
    await fill(page);
    await page.getByRole('button', { name: 'Sign in' }).click();
    expect(await titleOf(page, 'Allow access?')).toBe('Allow access?');
  }
  for (const page of [one, two]) {
    await page.getByRole('button', { name: 'Allow' }).click();
    expect(await titleOf(page, '/callback')).toBe('/callback');
  }
  expect(callbacks.map((query) => query.get('state'))).toEqual(['one', 'two']);
});

it('a double click on the button of a link, and a second tab with it, lead where the link leads', async () => {
  const caller = await t.world.caller();
  const { id } = await t.world.userOf(caller);
  for (const delay of [0, 40, 150]) {
    const { url } = (await t.as(caller)(`/access/${id}?delivery=link&returnTo=/login/sessions`)).body;
    const page = await newPage({ javaScriptEnabled: false });
    const tab = await page.context().newPage();
    for (const each of [page, tab]) await each.goto(url);
    await clickTwice(page, 'Continue', delay);
    for (const each of [page, tab]) {
      if (each === tab) await tab.getByRole('button', { name: 'Continue' }).click();
      expect([delay, await titleOf(each, 'You are signed in')]).toEqual([delay, 'You are signed in']);
      expect(new URL(each.url()).pathname).toBe('/login/sessions');
    }
  }
  expect(await t.world.sessionsOf(id)).toBe(3);
});

it('a browser that refuses cookies is told so', async () => {
  const profile = mkdtempSync(join(tmpdir(), 'latchkey-profile-'));
  mkdirSync(join(profile, 'Default'));
  const preferences = { profile: { default_content_setting_values: { cookies: 2 } } };
  writeFileSync(join(profile, 'Default', 'Preferences'), JSON.stringify(preferences));
  const context = await launchChromiumProfile(profile, [LOCAL_NAMES]);
  const page = await context.newPage();
  await page.goto(begin());
  expect(await page.textContent('main')).toContain('Allow cookies for this site');
  expect(await context.cookies()).toEqual([]);
  const caller = await t.world.caller();
  const { id } = await t.world.userOf(caller);
  await page.goto((await t.as(caller)(`/access/${id}`)).body.url);
  expect(await page.textContent('main')).toContain('your browser blocks cookies');
  expect(await t.world.sessionsOf(id)).toBe(1);
  await context.close();
  rmSync(profile, { recursive: true });
});

it('the sign-in is gone once the browser is closed, and when somebody signs out', async () => {
  const page = await newPage();
  await page.goto(begin());
  await fill(page);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await titleOf(page, 'Allow access?');
  expect((await page.context().cookies()).filter(({ expires }) => expires !== -1)).toEqual([]);
  await page.getByRole('button', { name: 'Sign in as somebody else' }).click();
  expect(await titleOf(page, 'Sign in')).toBe('Sign in');
  await page.goBack();
  expect(await page.textContent('h1')).not.toBe('Allow access?');
});

/** Two clicks of the mouse at one place, `delay` milliseconds apart, whatever the first one has begun. */
async function clickTwice(page: Page, name: string, delay: number): Promise<void> {
  const { x, y, width, height } = (await page.getByRole('button', { name, exact: true }).boundingBox())!;
  const [left, top] = [x + width / 2, y + height / 2];
  await page.mouse.click(left, top);
  await new Promise((resolve) => setTimeout(resolve, delay));
  await page.mouse.click(left, top);
}
