import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { PERMISSIONS } from '../../src/schema/entities/account-permission.entity.js';
import { ConsoleBrowser, confirm, settled, widthOf } from '../support/console.js';

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
const WHOLE_STORY_MS = 120_000;

let c: ConsoleBrowser;
let page: Page;
/** Somebody whom a host has let in. */
let person: string;

beforeAll(async () => {
  c = await ConsoleBrowser.start();
  const { t, organizationId } = c;
  const caller = await t.world.caller({ organizationId });
  ({ id: person } = await t.world.userOf(caller, { name: 'Phila Phone' }));
  await t.signIn(caller, person);
  const administrator = await c.person(...PERMISSIONS);
  await t.world.group(organizationId, 'Evening class');
  page = await c.open('/console/people', administrator, PHONE);
});
afterAll(() => c?.stop());

it(
  'on a phone, somebody is found, explained, added to a group, signed out and blocked without scrolling sideways',
  async () => {
    await page.getByRole('searchbox').fill('phila');
    await page.getByText('1 in all').waitFor();
    await page.getByRole('link', { name: 'Phila Phone' }).tap();
    await page.getByRole('heading', { name: 'Phila Phone', level: 1 }).waitFor();
    await settled(page);
    expect(await widthOf(page)).toBe(390);

    await page.getByRole('link', { name: 'Who may let this person in?' }).tap();
    await page.getByRole('heading', { name: /may let Phila Phone in/ }).waitFor();
    expect(await widthOf(page)).toBe(390);

    await c.go(page, '/console/groups');
    await page.getByRole('link', { name: 'Evening class' }).tap();
    await page.getByRole('button', { name: 'Add a member' }).tap();
    await page.getByRole('combobox').fill('phila');
    await page.getByRole('option', { name: 'Phila Phone' }).waitFor();
    // The list of people leaves the button free.
    await page.getByRole('button', { name: 'Save' }).tap({ trial: true });
    expect(await widthOf(page)).toBe(390);
    await page.getByRole('option', { name: 'Phila Phone' }).tap();
    await page.getByRole('button', { name: 'Save' }).tap();
    await page.getByText('Phila Phone is a member now.').waitFor();
    expect(await widthOf(page)).toBe(390);

    await page.getByRole('link', { name: 'Phila Phone' }).tap();
    await page.getByRole('row', { name: 'Host system' }).waitFor();
    await confirm(page, 'End');
    await page.getByText('Nobody has let this person in.').waitFor();
    await confirm(page, 'Block');
    await page.getByText('Blocked').waitFor();
    expect(await widthOf(page)).toBe(390);
    expect(c.wrongs).toEqual({ violations: [], foreign: [], failures: [] });
  },
  WHOLE_STORY_MS,
);
