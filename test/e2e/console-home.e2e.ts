import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { Membership } from '../../src/schema/entities/membership.entity.js';
import { ConsoleBrowser, faults, NARROW, namesIn, settled, widthOf } from '../support/console.js';

let c: ConsoleBrowser;
let administrator: string;
let manager: string;
let groupId: string;

beforeAll(async () => {
  c = await ConsoleBrowser.start();
  const { organizationId, t } = c;
  administrator = await c.person('MANAGE_STAFF', 'MANAGE_ALL_GROUPS', 'MANAGE_SERVICE_ACCOUNTS', 'VIEW_AUDIT_LOG');
  manager = await c.person();
  const host = await t.world.caller({ organizationId });
  groupId = await t.world.group(organizationId, 'Class 2B');
  for (const id of [host.id, c.idOf(manager)]) await t.world.allow(id, groupId, 'MANAGE');
  const user = await t.world.user({ organizationId, name: 'Anna Jansen' });
  await t.world.join(user, groupId);
  await t.signIn(host, user);
  await t.as(host)('/access/nobody@a.example');
  const validUntil = new Date(Date.now() + 3 * 86_400_000);
  await t.world.write((db) => db.update(Membership, { groupId }, { validUntil }));
});
afterAll(() => c?.stop());
afterEach(() => c.closePages());

async function open(emailAddress = administrator, options: BrowserContextOptions = {}): Promise<Page> {
  const page = await c.open('/console', emailAddress, options);
  await settled(page);
  return page;
}

describe('the first page', () => {
  it('says what needs attention, and leads to where it is mended', async () => {
    const page = await open();
    expect(await page.title()).toBe('Home · Latchkey');
    const list = page.getByRole('main').getByRole('listitem');
    expect((await list.allTextContents()).map((text) => text.split(/(?<=[a-zB]) (?=Only|1 )/)[0])).toEqual([
      'Staff and permissions',
      'Class 2B',
    ]);
    await list.getByRole('link', { name: 'Class 2B' }).press('Enter');
    await page.getByRole('heading', { name: 'Class 2B', level: 1 }).waitFor();
    await page.goBack();
    await page.getByRole('main').getByRole('link', { name: 'Staff and permissions' }).press('Enter');
    await page.getByRole('heading', { name: 'Staff and permissions', level: 1 }).waitFor();
  });

  it('shows logins, sessions and refusals by hour, also to a screen reader', async () => {
    const page = await open();
    const hours = page.getByRole('table', { name: 'The last 24 hours' });
    expect(await hours.getByRole('rowheader').count()).toBe(24);
    expect(await hours.getByRole('row').last().getByRole('cell').allTextContents()).toEqual(['1', '1', '1']);
  });

  it('counts refusals by reason, and leads to them in the record', async () => {
    const page = await open();
    await page.getByRole('link', { name: 'Letting in was refused.' }).click();
    await page.getByRole('heading', { name: 'Record', level: 1 }).waitFor();
    expect(new URL(page.url()).searchParams.get('event')).toBe('ACCESS_REFUSED');
    await page.getByText('1 in all').waitFor();
  });

  it('shows a group’s manager her groups and nothing else, on a phone', async () => {
    const page = await open(manager, { viewport: { width: 390, height: 844 } });
    expect(await namesIn(page)).toEqual(['Class 2B']);
    expect(await page.getByRole('heading', { level: 2 }).allTextContents()).toEqual(['What needs attention', 'Groups']);
    expect(await page.getByRole('main').getByRole('listitem').count()).toBe(1);
    expect(await widthOf(page)).toBe(390);
  });

  it.each(['light', 'dark'] as const)('has no fault that axe-core finds, in %s', async (colorScheme) => {
    for (const account of [administrator, manager])
      expect(await faults(await open(account, { colorScheme }))).toEqual([]);
  });

  it.each(NARROW)('needs no scrolling sideways in %s', async (_, viewport) => {
    expect(await widthOf(await open(administrator, { viewport }))).toBe(viewport.width);
  });

  it('loads at most 130 kB of scripts and 12 kB of styles', async () => {
    const { scripts, styles } = await c.sizesOf(await open(), '/console');
    expect({ scripts, styles, isSmall: scripts > 60_000 && scripts <= 130_000 && styles <= 12_000 }).toEqual({
      scripts,
      styles,
      isSmall: true,
    });
  });

  it('breaks no rule of the policy, calls no other service, and no script fails, in all of these tests', () => {
    expect(c.wrongs).toEqual({ violations: [], foreign: [], failures: [] });
  });
});
