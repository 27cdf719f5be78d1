import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { AxeResults } from 'axe-core';
import type { Browser, CDPSession, Page } from 'playwright-core';
import { Organization } from '../../src/schema/entities/organization.entity.js';
import { TestApp } from '../support/app.js';
import { launchChromium } from '../support/chromium.js';
import { freePort } from '../support/free-port.js';
import { newPerson, PASSWORD } from '../support/oauth.js';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let t: TestApp;
let service: string;
let browser: Browser;
let organizationId: string;
let email: string;

beforeAll(async () => {
  const port = await freePort();
  service = `http://localhost:${port}`;
  t = await TestApp.start({ PUBLIC_URL: service }, port);
  browser = await launchChromium();
  organizationId = await t.world.organization();
  const person = await newPerson(t, organizationId);
  email = person.emailAddress;
  await t.world.grant(person.id, 'MANAGE_STAFF');
  await t.world.write((db) => db.update(Organization, { id: organizationId }, { requiresPasskeys: true }));
});
afterAll(async () => {
  await browser?.close();
  await t?.stop();
});

/** A page whose browser has an authenticator, like that of a telephone. */
async function newPage(): Promise<{ page: Page; cdp: CDPSession; authenticatorId: string; violations: string[] }> {
  const context = await browser.newContext({ locale: 'en' });
  const violations: string[] = [];
  await context.exposeFunction('reportViolation', (violation: string) => violations.push(violation));
  await context.addInitScript(
    `addEventListener('securitypolicyviolation', (event) => reportViolation(event.violatedDirective + ' ' + event.blockedURI))`,
  );
  const page = await context.newPage();
  const cdp = await context.newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  const options = {
    protocol: 'ctap2',
    transport: 'internal',
    hasResidentKey: true,
    hasUserVerification: true,
  } as const;
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: { ...options, isUserVerified: true },
  });
  return { page, cdp, authenticatorId, violations };
}

async function faultsOf(page: Page): Promise<string[]> {
  // The policy of the page lets no script in, so it is given to the page by the debugger.
  await page.evaluate(AXE);
  const { violations } = (await page.evaluate('axe.run()')) as AxeResults;
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}

async function enterPassword(page: Page): Promise<void> {
  await page.getByLabel('E-mail address').fill(email);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

it('leads staff who need a passkey from the console to making one, and back into the console by it', async () => {
  const { page, violations } = await newPage();
  await page.goto(`${service}/console`);
  await enterPassword(page);
  await page.getByText('Your organization asks its staff for a passkey.').waitFor();
  expect(await faultsOf(page)).toEqual([]);
  await page.getByLabel('Name of the passkey').fill('This laptop');
  await page.getByRole('button', { name: 'Add a passkey' }).click();
  await page.getByRole('heading', { name: 'Your passkey has been added' }).waitFor();
  expect(await page.locator('li code').count()).toBe(10);
  expect(await faultsOf(page)).toEqual([]);
  const code = await page.locator('li code').first().textContent();

  await page.getByRole('link', { name: 'Continue to sign in' }).click();
  expect(await faultsOf(page)).toEqual([]);
  await page.getByRole('button', { name: 'Use a passkey' }).click();
  await page.waitForURL((url) => url.pathname.startsWith('/console'));
  expect(violations).toEqual([]);

  const elsewhere = await newPage();
  await elsewhere.page.goto(`${service}/console`);
  await enterPassword(elsewhere.page);
  await elsewhere.page.getByRole('heading', { name: 'Use your passkey' }).waitFor();
  expect(await faultsOf(elsewhere.page)).toEqual([]);
  await elsewhere.page.getByLabel('Password').fill(PASSWORD);
  await elsewhere.page.getByLabel('Recovery code').fill(code!);
  await elsewhere.page.getByRole('button', { name: 'Sign in with the code' }).click();
  await elsewhere.page.waitForURL((url) => url.pathname.startsWith('/console'));
  expect(elsewhere.violations).toEqual([]);
}, 120_000);

it('says so when the user does not use the passkey, and lets them try again', async () => {
  const { page, cdp, authenticatorId } = await newPage();
  await page.goto(`${service}/console`);
  await cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false });
  await page.getByRole('button', { name: 'Use a passkey' }).click();
  await page.getByText('The passkey was not used. Try again, or sign in in another way.').waitFor();
  expect(await page.getByRole('button', { name: 'Use a passkey' }).isEnabled()).toBe(true);
}, 60_000);
