import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { LANGUAGE_NAMES, LANGUAGES, MESSAGES } from '../../src/http/language.js';
import { Client } from '../../src/schema/entities/client.entity.js';
import { ConsoleBrowser, faults, NARROW, widthOf } from '../support/console.js';
import { authorizeQuery, newClient, PASSWORD } from '../support/oauth.js';
import type { TestClient } from '../support/oauth.js';
import type { TestCaller } from '../support/world.js';

const APPLICATION = 'https://wiki.learn.example';
const LOGO = `<svg xmlns="http://www.w3.org/2000/svg" width="180" height="44"><rect width="44" height="44" rx="10" fill="#0f766e"/><path d="M12 32V12m0 20h14" stroke="#fff" stroke-width="5"/></svg>`;

let c: ConsoleBrowser;
let directory: string;
let caller: TestCaller;
/** A host of another organization, which may let the same user in. */
let elsewhere: TestCaller;
let admin: TestCaller;
let client: TestClient;
let user: string;
let other: string;
let person: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'latchkey-pages-'));
  const logo = join(directory, 'logo.svg');
  writeFileSync(logo, LOGO);
  c = await ConsoleBrowser.start({
    BRAND_NAME: 'Learn & Co',
    BRAND_LOGO: logo,
    BRAND_COLOR: '#0f766e',
    BRAND_COLOR_DARK: '#5eead4',
    BRAND_HELP: 'help@learn.example',
  });
  const { world } = c.t;
  caller = await world.caller({ organizationId: c.organizationId, origins: [APPLICATION] });
  await world.write((db) => db.update(Client, { id: caller.clientId }, { initiateLoginUri: `${APPLICATION}/begin` }));
  elsewhere = await world.caller();
  admin = await world.caller({ organizationId: c.organizationId, permissions: ['MANAGE_USERS', 'MANAGE_STAFF'] });
  client = await newClient(c.t, c.organizationId);
  ({ id: user } = await world.userOf(caller, { name: 'Noor de Vries', emailAddress: 'noor@learn.example' }));
  const group = await world.group(elsewhere.organizationId);
  await world.join(user, group);
  await world.allow(elsewhere.id, group, 'MANAGE');
  ({ id: other } = await world.userOf(caller, { name: 'Sam Jansen' }));
  person = await c.person();
});
afterAll(async () => {
  await c?.stop();
  rmSync(directory, { recursive: true });
});
afterEach(() => c.closePages());

async function link(of = user, query = '', by = caller): Promise<string> {
  return `${c.service}/login?token=${await c.t.loginToken(by, of, query)}`;
}

async function signIn(page: Page, password = PASSWORD): Promise<void> {
  await page.locator('input[name=email]').fill(person);
  await page.locator('input[name=password]').fill(password);
  await page.locator('main button[type=submit]').first().click();
  await page.waitForLoadState();
}

function authorize(page: Page): Promise<unknown> {
  return page.goto(`${c.service}/oauth/authorize?${authorizeQuery(client)}`);
}

/** Every page that a user sees, and how it is reached. */
const PAGES: Record<string, (page: Page) => Promise<unknown>> = {
  'signed out': (page) => page.goto(c.service),
  'not found': (page) => page.goto(`${c.service}/nothing`),
  'used link': async (page) => {
    const used = await link();
    await c.t.login(new URL(used).searchParams.get('token')!);
    await page.goto(used);
  },
  'waiting link': async (page) => page.goto(await link(user, '?delivery=link')),
  landing: async (page) => page.goto(await link()),
  ask: async (page) => {
    await page.goto(await link(other));
    await page.goto(await link(user, '?session=ask'));
  },
  'ask for another organization': async (page) => {
    await page.goto(await link(user, '', elsewhere));
    await page.goto(await link(user, `?returnTo=${APPLICATION}/page`));
  },
  'sign-in': authorize,
  'wrong password': async (page) => {
    await authorize(page);
    await signIn(page, 'a wrong long password');
  },
  consent: async (page) => {
    await authorize(page);
    await signIn(page);
  },
  account: async (page) => {
    await page.goto(`${c.service}/oauth/account`);
    await signIn(page);
  },
  'set a password': async (page) => {
    const { body } = await c.t.send(admin, 'POST', `/user/${c.idOf(person)}/password-link`);
    await page.goto(body.url);
  },
  'confirm an address': async (page) => {
    const staff = await c.t.world.caller({ organizationId: c.organizationId, permissions: [] });
    const given = `email-address/new.${staff.id.toLowerCase().replaceAll(/[_-]/g, 'x')}@learn.example`;
    await c.t.send(staff, 'PUT', `/user/self/${given}`);
    const { body } = await c.t.send(admin, 'POST', `/user/${staff.id}/${given}/verification-links`);
    await page.goto(body.url);
  },
};

const SCHEMES = ['light', 'dark'] as const;

it.each(Object.keys(PAGES).flatMap((name) => SCHEMES.map((colorScheme) => [name, colorScheme] as const)))(
  'the page "%s" in %s has no fault that axe-core finds, and fits narrow windows',
  async (name, colorScheme) => {
    // German has the longest words.
    const page = await c.newPage({ locale: 'de', colorScheme });
    await PAGES[name]!(page);
    expect(await page.getAttribute('html', 'lang')).toBe('de');
    await page.getByAltText('Learn & Co').waitFor();
    expect(await faults(page)).toEqual([]);
    for (const [, viewport] of NARROW) {
      await page.setViewportSize(viewport);
      expect(await widthOf(page)).toBe(viewport.width);
    }
    expect(c.wrongs).toEqual({ violations: [], foreign: [], failures: [] });
  },
);

it('a language is chosen by keyboard, for the same page and for those after it', async () => {
  const page = await c.newPage({ locale: 'it' });
  const waiting = await link(user, '?delivery=link');
  await page.goto(waiting);
  for (const language of LANGUAGES) {
    await page.getByRole('button', { name: LANGUAGE_NAMES[language], exact: true }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: MESSAGES[language].oneMoreStep }).waitFor();
    expect(page.url()).toBe(`${waiting}#`);
  }
  await page.getByRole('button', { name: MESSAGES.es.continue, exact: true }).press('Enter');
  await page.getByRole('heading', { level: 1, name: MESSAGES.es.youAreSignedIn }).waitFor();
  await page.getByRole('button', { name: MESSAGES.es.logOut, exact: true }).press('Enter');
  await page.getByRole('heading', { level: 1, name: MESSAGES.es.notSignedIn }).waitFor();
  expect(c.wrongs).toEqual({ violations: [], foreign: [], failures: [] });
});

it('the brand’s colours are those of the buttons', async () => {
  for (const [colorScheme, color] of [
    ['light', 'rgb(15, 118, 110)'],
    ['dark', 'rgb(94, 234, 212)'],
  ] as const) {
    const page = await c.newPage({ colorScheme });
    await authorize(page);
    expect(
      await page.evaluate(`getComputedStyle(document.querySelector('main button[type=submit]')).backgroundColor`),
    ).toBe(color);
  }
});
