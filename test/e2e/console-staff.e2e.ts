import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { PERMISSIONS } from '../../src/schema/entities/account-permission.entity.js';
import { confirm, ConsoleBrowser, faults, NARROW, settled, widthOf } from '../support/console.js';
import type { TestCaller } from '../support/world.js';

let c: ConsoleBrowser;
let administrator: string;
let host: TestCaller;
let groupId: string;
let user: string;

beforeAll(async () => {
  c = await ConsoleBrowser.start();
  administrator = await c.person(...PERMISSIONS);
});
afterAll(() => c?.stop());
beforeEach(async () => {
  await c.t.world.write((db) => db.query(`DELETE FROM "users" WHERE "name" = 'Host system'`));
  host = await c.t.world.caller({ organizationId: c.organizationId });
  ({ id: user, groupId } = await c.t.world.userOf(host));
});
afterEach(() => c.closePages());

function open(path: string, options?: BrowserContextOptions): Promise<Page> {
  return c.open(path, administrator, options);
}

/** The instant in so many days, as a field for date and time takes it. */
function inDays(days: number): string {
  return new Date(Date.now() + days * 86_400_000 + 60_000).toISOString().slice(0, 16);
}

describe('staff and permissions', () => {
  it('gives a permission that ends, and shows when', async () => {
    const page = await open('/console/staff', { timezoneId: 'UTC' });
    await page.getByRole('button', { name: 'Give a permission: Host system' }).click();
    await page.getByLabel('Permission', { exact: true }).selectOption('VIEW_AUDIT_LOG');
    await page.getByLabel('Ends').fill(inDays(3));
    expect(await faults(page)).toEqual([]);
    await page.getByRole('button', { name: 'Save' }).click();
    const row = page.getByRole('row', { name: 'Host system' });
    await row.getByText('ends in 3 days').waitFor();
    expect(await faults(page)).toEqual([]);
  });

  it('says what a permission ends before it is taken away', async () => {
    const cookie = await c.t.signIn(host, user);
    await c.t.loginToken(host, user);
    const page = await open('/console/staff');
    await page.getByRole('button', { name: 'Take away: Let people in, Host system' }).press('Enter');
    await page.getByText('This ends 1 session and 1 token.').waitFor();
    expect(await faults(page)).toEqual([]);
    expect((await c.t.call('/session', { headers: { cookie } })).status).toBe(200);
    await page.getByRole('alertdialog').getByRole('button', { name: 'Take away' }).press('Enter');
    await page.getByRole('row', { name: 'Host system' }).getByText('None yet').waitFor();
    expect((await c.t.call('/session', { headers: { cookie } })).status).toBe(401);
  });

  it('says that somebody manages a group before they are removed from the staff', async () => {
    const page = await open('/console/staff');
    await page.getByRole('button', { name: 'Remove from the staff: Host system' }).click();
    await page.getByRole('alertdialog').getByRole('alert').waitFor();
    expect(await faults(page)).toEqual([]);
  });

  it('has at most 130 kB of scripts when it is opened first, and no fault that axe-core finds in the dark', async () => {
    const page = await open('/console/staff', { colorScheme: 'dark' });
    await settled(page);
    expect(await faults(page)).toEqual([]);
    const other = await open('/console/groups');
    const { scripts, styles } = await c.sizesOf(other, '/console/staff');
    expect({ scripts, isSmall: scripts > 60_000 && scripts <= 130_000 && styles <= 12_000 }).toEqual({
      scripts,
      isSmall: true,
    });
  });

  it.each(NARROW)('needs no sideways scrolling in %s', async (_, viewport) => {
    const page = await open('/console/staff', { viewport });
    await settled(page);
    expect(await widthOf(page)).toBeLessThanOrEqual(viewport.width);
  });
});

describe('the page of a group', () => {
  it('gives staff a right that ends, and takes it away', async () => {
    const page = await open(`/console/groups/${groupId}`, { timezoneId: 'UTC' });
    await page.getByRole('button', { name: 'Edit: Host system' }).click();
    await page.getByLabel('Right', { exact: true }).selectOption('VIEW');
    await page.getByLabel('Ends').fill(inDays(2));
    expect(await faults(page)).toEqual([]);
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('ends in 2 days').waitFor();
    await confirm(page, 'Take away', 'Take away: See, Host system');
    await page.getByText('ends in 2 days').waitFor({ state: 'detached' });
  });
});

it('does nothing that its policy refuses', () => {
  expect(c.wrongs).toEqual({ violations: [], foreign: [], failures: [] });
});
