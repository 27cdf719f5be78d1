import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import * as oauth from 'openid-client';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { call, TestApp } from '../support/app.js';
import { launchChromium } from '../support/chromium.js';
import { freePort } from '../support/free-port.js';
import { newClient, newPerson, PASSWORD } from '../support/oauth.js';
import type { TestClient } from '../support/oauth.js';
import type { TestCaller } from '../support/world.js';

/* The modules of the conformance suite in which a person answers in a real browser, with openid-client as the relying party. */

let t: TestApp;
let browser: Browser;
let contexts: BrowserContext[] = [];
let application: Server;
let home: string;
let client: TestClient;
let config: oauth.Configuration;
let person: { id: string; emailAddress: string };
let caller: TestCaller;
let user: string;

beforeAll(async () => {
  const port = await freePort();
  t = await TestApp.start({ PUBLIC_URL: `http://127.0.0.1:${port}` }, port);
  application = createServer(({ url }, response) => {
    response.setHeader('Content-Type', 'text/html');
    response.end(`<title>Application</title><h1>${new URL(url!, 'http://application').pathname}</h1>`);
  });
  await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', () => resolve()));
  home = `http://127.0.0.1:${(application.address() as AddressInfo).port}`;
  caller = await t.world.caller();
  user = (await t.world.userOf(caller)).id;
  person = await newPerson(t, caller.organizationId);
  client = await newClient(t, caller.organizationId, {
    redirectUris: [`${home}/callback`],
    application: { postLogoutRedirectUris: [`${home}/goodbye`], hostUri: 'https://portal.example/courses' },
  });
  const options = { execute: [oauth.allowInsecureRequests] };
  const secret = oauth.ClientSecretBasic(client.secret);
  config = await oauth.discovery(new URL(t.url), client.id, {}, secret, options);
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  application?.close();
  await t?.stop();
});
afterEach(async () => {
  await Promise.all(contexts.splice(0).map((context) => context.close()));
});

async function newPage(): Promise<Page> {
  const context = await browser.newContext();
  contexts.push(context);
  return context.newPage();
}

function begin(page: Page, more: Record<string, string> = {}): Promise<unknown> {
  const asked = { redirect_uri: `${home}/callback`, scope: 'openid profile email', state: 's', nonce: 'n', ...more };
  return page.goto(oauth.buildAuthorizationUrl(config, asked).href);
}

async function signIn(page: Page): Promise<void> {
  await page.getByLabel('E-mail address').fill(person.emailAddress);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

async function agree(page: Page): Promise<void> {
  // The button does nothing in the first moment of the page.
  await page.waitForTimeout(700);
  await page.getByRole('button', { name: 'Allow' }).click();
}

/** The tokens for the code with which the browser has come back to the application. */
async function finish(page: Page): ReturnType<typeof oauth.authorizationCodeGrant> {
  await page.waitForURL(`${home}/callback**`);
  return oauth.authorizationCodeGrant(config, new URL(page.url()), { expectedState: 's', expectedNonce: 'n' });
}

async function openLink(page: Page): Promise<void> {
  await page.goto(`${t.url}/login?token=${await t.loginToken(caller, user)}`);
}

it('oidcc-server: a person signs in and agrees, and is asked neither again', async () => {
  const page = await newPage();
  await begin(page);
  await signIn(page);
  expect(await page.getByText('asks who you are').textContent()).toContain(
    'ID, name, language and time zone, e-mail address',
  );
  await agree(page);
  expect((await finish(page)).claims()!.sub).toBe(person.id);
  await begin(page);
  expect((await finish(page)).claims()!.sub).toBe(person.id);
});

it.each([
  ['oidcc-prompt-login', { prompt: 'login' }],
  ['oidcc-max-age-1', { max_age: '1' }],
])('%s: the person signs in again', async (_name, more) => {
  const page = await newPage();
  await begin(page);
  await signIn(page);
  await agree(page);
  const first = (await finish(page)).claims()!;
  await page.waitForTimeout(2100);
  await begin(page, more);
  await signIn(page);
  const second = (await finish(page)).claims()!;
  expect(second.auth_time).toBeGreaterThan(first.auth_time as number);
});

it('oidcc-login-hint and oidcc-ui-locales: the form is filled in, and in the language that was asked for', async () => {
  const page = await newPage();
  await begin(page, { login_hint: person.emailAddress, ui_locales: 'de' });
  expect(await page.locator('input[name=email]').inputValue()).toBe(person.emailAddress);
  expect(await page.locator('html').getAttribute('lang')).toBe('de');
});

it('oidcc-display-popup: the pages fit in a small window', async () => {
  const page = await newPage();
  await page.setViewportSize({ width: 320, height: 500 });
  await begin(page, { display: 'popup' });
  expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
});

it('a user without a password learns where to start', async () => {
  const page = await newPage();
  await begin(page);
  expect(await page.getByRole('link', { name: 'portal.example' }).getAttribute('href')).toBe(
    'https://portal.example/courses',
  );
});

it('a user whom a host has let in is signed in with no click, and logs out with none', async () => {
  const page = await newPage();
  await openLink(page);
  await begin(page);
  const tokens = await finish(page);
  expect(tokens.claims()).toMatchObject({ sub: user, act: { sub: caller.id } });
  const query = { id_token_hint: tokens.id_token!, post_logout_redirect_uri: `${home}/goodbye`, state: 'bye' };
  await page.goto(`${t.url}/oauth/logout?${new URLSearchParams(query)}`);
  await page.waitForURL(`${home}/goodbye?state=bye`);
  const userinfo = await call(t.url, '/oauth/userinfo', {
    headers: { authorization: `Bearer ${tokens.access_token}` },
  });
  expect(userinfo.status).toBe(401);
  await begin(page);
  expect(await page.title()).toBe('Sign in');
});

it('a user logs out by a page of ours if the application proves nothing', async () => {
  const page = await newPage();
  await openLink(page);
  await begin(page);
  await finish(page);
  await page.goto(`${t.url}/oauth/logout?client_id=${client.id}`);
  await page.getByRole('button', { name: 'Log out' }).click();
  expect(await page.getByRole('heading').textContent()).toBe('You are logged out');
});

it('a user whom the application does not expect is asked', async () => {
  const page = await newPage();
  await openLink(page);
  await begin(page, { login_hint: person.id });
  await page.getByRole('button', { name: 'Sign in as somebody else' }).click();
  await signIn(page);
  await agree(page);
  expect((await finish(page)).claims()!.sub).toBe(person.id);
});
