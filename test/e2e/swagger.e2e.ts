import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { DemoService } from '../../src/demo/demo.service.js';
import { TestApp } from '../support/app.js';
import { launchChromium } from '../support/chromium.js';
import { freePort } from '../support/free-port.js';

let t: TestApp;
let browser: Browser;
let url: string;
let password: string;

beforeAll(async () => {
  const port = await freePort();
  url = `http://localhost:${port}`;
  t = await TestApp.start({ NODE_ENV: 'development', PUBLIC_URL: url }, port);
  const welcome = await t.nest.get(DemoService, { strict: false }).welcome();
  [, password] = /the password: (.+)\n/.exec(welcome) as unknown as [string, string];
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await t?.stop();
});

it('Swagger UI signs in with authorization code and PKCE, and what it then tries out works', async () => {
  const page = await browser.newPage();
  await page.goto(`${url}/docs`);
  await page.getByRole('button', { name: 'Authorize', exact: true }).click();
  const dialog = page.locator('.auth-container', { hasText: 'authorizationCode' });
  await dialog.getByText('select all').click();
  const popup = page.waitForEvent('popup');
  await dialog.locator('button.authorize').click();
  const signIn = await popup;
  expect(signIn.url()).toMatch(/^http:\/\/localhost:\d+\/oauth\/interaction\//);
  await signIn.getByLabel('E-mail address').fill('admin@demo.example');
  await signIn.getByLabel('Password').fill(password);
  await signIn.getByRole('button', { name: 'Sign in' }).click();
  const isClosed = signIn.waitForEvent('close');
  await signIn.getByRole('button', { name: 'Allow' }).click();
  await isClosed;
  await dialog.getByText('Authorized', { exact: true }).waitFor();
  await dialog.getByRole('button', { name: 'Close', exact: true }).click();

  const operation = page.locator('.opblock', { hasText: '/api/2.1.1/access/{user}' }).first();
  await operation.locator('.opblock-summary-control').click();
  const answer = page.waitForResponse((response) => response.url().includes('/api/2.1.1/access/'));
  await operation.getByRole('button', { name: 'Execute' }).click();
  const response = await answer;
  expect(response.status()).toBe(200);
  expect(Object.keys((await response.json()) as object)).toEqual(['token', 'url', 'expires']);
  await page.close();
});
