import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { ConsoleBrowser, faults, NARROW, widthOf } from '../support/console.js';

let c: ConsoleBrowser;
let administrator: string;
let host: string;
let groupId: string;
let anna: string;

beforeAll(async () => {
  c = await ConsoleBrowser.start();
  administrator = await c.person(
    'MANAGE_STAFF',
    'VIEW_AUDIT_LOG',
    'MANAGE_USERS',
    'OBTAIN_ACCESS_TOKENS',
    'MANAGE_ALL_GROUPS',
  );
  host = await c.person('OBTAIN_ACCESS_TOKENS');
  groupId = await c.t.world.group(c.organizationId, 'Class 2B');
  await c.t.world.allow(c.idOf(host), groupId, 'MANAGE');
  anna = await c.t.world.user({
    organizationId: c.organizationId,
    name: 'Anna Jansen',
    emailAddress: 'anna@school.example',
  });
  await c.t.world.join(anna, groupId);
});
afterAll(() => c?.stop());
afterEach(() => c.closePages());

function open(path: string, options: BrowserContextOptions = {}): Promise<Page> {
  return c.open(path, administrator, options);
}

it('explains by keyboard who may let in whom, and leads to the rows that decide', async () => {
  const page = await open('/console/why');
  await page.getByLabel('Who lets in').fill(host);
  await page.getByLabel('Whom they let in').pressSequentially('anna');
  await page.getByRole('option', { name: /Anna Jansen/ }).waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Explain' }).press('Enter');
  await page.getByRole('heading', { name: /may let Anna Jansen in/ }).waitFor();
  await page.getByText('Anna Jansen is a member of Class 2B.').waitFor();
  expect(new URL(page.url()).searchParams.get('user')).toBe(anna);
  await page.reload();
  await page.getByText(/ manages Class 2B\./).waitFor();
  await page.getByRole('main').getByRole('link', { name: 'Class 2B' }).first().click();
  await page.waitForURL((url) => url.pathname === `/console/groups/${groupId}`);
});

it('says what would change a refusal, from the page of the person', async () => {
  const other = await c.person('MANAGE_STAFF', 'OBTAIN_ACCESS_TOKENS');
  const page = await c.open(`/console/people/${anna}`, other);
  await page.getByRole('link', { name: 'Who may let this person in?' }).click();
  await page.getByRole('heading', { name: /may not let Anna Jansen in/ }).waitFor();
  const change = page.getByText(/Let .* manage Class 2B\./);
  await change.waitFor();
  expect(await change.count()).toBe(1);
});

it('tells somebody without further permissions of their own calls only', async () => {
  const page = await c.open('/console/why', host);
  await page.getByLabel('Whom they let in').fill('nobody@a.example');
  expect(await page.getByLabel('Who lets in').count()).toBe(0);
  await page.getByRole('button', { name: 'Explain' }).click();
  await page.getByText('There is no active person with this name or number here.').waitFor();
});

it.each(['light', 'dark'] as const)('has no fault that axe-core finds, in %s', async (colorScheme) => {
  for (const query of ['', `?user=${anna}`, `?user=${anna}&caller=${c.idOf(host)}`]) {
    const page = await open(`/console/why${query}`, { colorScheme });
    if (query) await page.getByRole('heading', { level: 2 }).waitFor();
    expect(await faults(page)).toEqual([]);
  }
});

it.each(NARROW)('is not scrolled sideways in %s', async (_, viewport) => {
  const page = await open(`/console/why?user=${anna}`, { viewport });
  await page.getByRole('heading', { level: 2 }).waitFor();
  expect(await widthOf(page)).toBeLessThanOrEqual(viewport.width);
});

it('breaks no rule of its policy, calls no other service, and no script fails, in all of these tests', () => {
  expect(c.wrongs).toEqual({ violations: [], foreign: [], failures: [] });
});
