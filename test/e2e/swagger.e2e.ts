import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { DemoService } from '../../src/demo/demo.service.js';
import { TestApp } from '../support/app.js';
import { launchChromium } from '../support/chromium.js';
import { freePort } from '../support/free-port.js';

let t: TestApp;
let browser: Browser;
let url: string;
let password: string;
let page: Page;

beforeAll(async () => {
  const port = await freePort();
  url = `http://localhost:${port}`;
  t = await TestApp.start({ NODE_ENV: 'development', PUBLIC_URL: url }, port);
  const welcome = await t.nest.get(DemoService, { strict: false }).welcome();
  [, password] = /the password: (.+)\n/.exec(welcome) as unknown as [string, string];
  browser = await launchChromium();
  page = await signedIn();
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await t?.stop();
});

/** What the explorer answers when an operation is tried out as it stands. */
async function tryOut(operationId: string): Promise<{ status: number; body: unknown }> {
  const operation = page.locator(`.opblock[id$="-${operationId}"]`);
  await operation.locator('.opblock-summary-control').click();
  const answer = page.waitForResponse((response) => response.url().startsWith(`${url}/api/`));
  await operation.getByRole('button', { name: 'Execute' }).click();
  const response = await answer;
  await operation.locator('.opblock-summary-control').click();
  return { status: response.status(), body: await response.json() };
}

/** The page, on which somebody has signed in with authorization code and PKCE, as Swagger UI does it. */
async function signedIn(): Promise<Page> {
  const opened = await browser.newPage();
  // A machine that is busy with other things takes its time to draw some eighty operations.
  opened.setDefaultTimeout(120_000);
  await opened.goto(`${url}/docs`);
  await opened.getByRole('button', { name: 'Authorize', exact: true }).click();
  const dialog = opened.locator('.auth-container', { hasText: 'authorizationCode' });
  await dialog.getByText('select all').click();
  const popup = opened.waitForEvent('popup');
  await dialog.locator('button.authorize').click();
  const signIn = await popup;
  await signIn.getByLabel('E-mail address').fill('admin@demo.example');
  await signIn.getByLabel('Password').fill(password);
  await signIn.getByRole('button', { name: 'Sign in' }).click();
  const isClosed = signIn.waitForEvent('close');
  await signIn.getByRole('button', { name: 'Allow' }).click();
  await isClosed;
  await dialog.getByText('Authorized', { exact: true }).waitFor();
  await dialog.getByRole('button', { name: 'Close', exact: true }).click();
  return opened;
}

it('Swagger UI lets somebody in as the example stands', async () => {
  const { status, body } = await tryOut('obtainAccess');
  expect([status, Object.keys(body as object)]).toEqual([200, ['token', 'url', 'expires']]);
});

it.each([
  'createClient',
  'changeClient',
  'listClients',
  'changeOwnUser',
  'changeUser',
  'createUser',
  'searchUsers',
  'createGroup',
  'listGroups',
  'createServiceAccount',
  'listSessions',
  'searchAudit',
])('%s runs in Swagger UI as its example stands', async (operationId) => {
  expect(await tryOut(operationId)).toMatchObject({ status: 200 });
});

/** What of the operation that is open can't be used or read. */
const LOOK = `(() => {
  const shown = (selector) =>
    [...document.querySelectorAll('.opblock.is-open ' + selector)].filter((each) => each.getClientRects().length > 0);
  const box = (each) => each.getBoundingClientRect();
  const brightness = (color) => color.match(/[\\d.]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 765;
  const isDark = document.documentElement.classList.contains('dark-mode');
  const names = (found) => found.map((each) => each.outerHTML.slice(0, 120));
  return {
    page: document.documentElement.scrollWidth - innerWidth,
    cutOff: names(['td', 'th', 'pre', 'button', 'select'].flatMap(shown).filter((each) => box(each).left < 0 || box(each).right > innerWidth)),
    squeezed: names(shown('.copy-to-clipboard').filter((each) => box(each).width < 20)),
    unreadable: names(shown('table.headers td').filter((each) => brightness(getComputedStyle(each).color) > 0.5 !== isDark)),
    buttons: shown('.copy-to-clipboard').length > 2,
  };
})()`;

it.each([
  { width: 390, scheme: 'light' as const },
  { width: 390, scheme: 'dark' as const },
  { width: 1280, scheme: 'dark' as const },
])('the explorer can be read and used at $width px, $scheme', async ({ width, scheme }) => {
  await page.setViewportSize({ width, height: 800 });
  await page.emulateMedia({ colorScheme: scheme });
  const operation = page.locator('.opblock[id$="-obtainAccess"]');
  await operation.locator('.opblock-summary-control').click();
  await operation.locator('.live-responses-table').waitFor();
  const found = await page.evaluate(LOOK);
  await operation.locator('.opblock-summary-control').click();
  expect(found).toEqual({ page: 0, cutOff: [], squeezed: [], unreadable: [], buttons: true });
});
