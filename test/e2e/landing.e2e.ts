import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { TestApp } from '../support/app.js';
import { launchChromium } from '../support/chromium.js';
import { freePort } from '../support/free-port.js';

let t: TestApp;
let browser: Browser;

beforeAll(async () => {
  const port = await freePort();
  t = await TestApp.start({ PUBLIC_URL: `http://localhost:${port}` }, port);
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await t?.stop();
});

it('a link that the host makes signs a browser in, and its page says who let the person in', async () => {
  const caller = await t.world.caller();
  const { id } = await t.world.userOf(caller);
  const { body } = await t.as(caller)(`/access/${id}`);
  const page = await browser.newPage();
  await page.goto(body.url);
  expect(page.url()).toBe(`${new URL(body.url).origin}/`);
  expect(await page.textContent('h1')).toBe('You are signed in');
  await t.login(await t.loginToken(caller, id), {
    'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
  });
  await page.reload();
  expect(await page.getByRole('listitem').count()).toBe(2);
  await page.getByRole('button', { name: 'End Firefox on Linux', exact: true }).click();
  expect(await page.getByRole('listitem').allTextContents()).toEqual([expect.stringContaining('this browser')]);
  await page.getByRole('button', { name: 'Log out', exact: true }).click();
  expect(await page.textContent('h1')).toBe('You are not signed in');
  await page.close();
});
