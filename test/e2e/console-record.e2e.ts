import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { BrowserContextOptions, Page } from 'playwright-core';
import type { TestCaller } from '../support/world.js';
import { ConsoleBrowser, faults, filesOf, NARROW, settled, sizeOf, widthOf } from '../support/console.js';

/** More than a page of the list, with two events each. */
const LOGINS = 30;

let c: ConsoleBrowser;
let auditor: string;
let host: TestCaller;
let groupId: string;
let user: string;
let other: string;

beforeAll(async () => {
  c = await ConsoleBrowser.start();
  auditor = await c.person('VIEW_AUDIT_LOG', 'MANAGE_USERS', 'MANAGE_ALL_GROUPS');
  host = await c.t.world.caller({ organizationId: c.organizationId });
  groupId = await c.t.world.group(c.organizationId, 'Class 2B');
  await c.t.world.allow(host.id, groupId, 'MANAGE');
  user = await c.t.world.user({ organizationId: c.organizationId, name: 'Anna Jansen' });
  other = await c.t.world.user({ organizationId: c.organizationId, name: 'Bo Smit' });
  for (const id of [user, other]) await c.t.world.join(id, groupId);
  await c.t.signIn(host, other);
  for (let index = 0; index < LOGINS; index++) await c.t.signIn(host, user);
});
afterAll(() => c?.stop());
afterEach(() => c.closePages());

function open(path = '/console/record', options: BrowserContextOptions = {}): Promise<Page> {
  return c.open(path, auditor, options);
}

async function shown(page: Page, text: string): Promise<void> {
  await page.getByText(text, { exact: true }).waitFor();
}

describe('the record', () => {
  it.each(['light', 'dark'] as const)('has no fault that axe-core finds, in %s', async (colorScheme) => {
    const page = await open('/console/record', { colorScheme });
    await page.getByRole('rowheader').first().waitFor();
    expect(await faults(page)).toEqual([]);
  });

  it.each(NARROW)('needs no scrolling sideways in %s', async (_, viewport) => {
    const page = await open('/console/record', { viewport });
    await page.getByRole('rowheader').first().waitFor();
    expect(await widthOf(page)).toBe(viewport.width);
  });

  it('keeps filter and page in the address, for Back, a reload and a copied link, by keyboard alone', async () => {
    const page = await open();
    await page.getByLabel('Person', { exact: true }).fill(user);
    await page.keyboard.press('Enter');
    await shown(page, `${2 * LOGINS} in all`);
    await page.getByLabel('Event').selectOption('SESSION_STARTED');
    await page.getByRole('button', { name: 'Filter', exact: true }).press('Enter');
    await shown(page, `${LOGINS} in all`);
    await page.goBack();
    await shown(page, `${2 * LOGINS} in all`);
    expect(await page.getByLabel('Event').inputValue()).toBe('');
    await page.getByRole('link', { name: 'Next page' }).press('Enter');
    await page.getByRole('link', { name: 'First page' }).waitFor();
    const address = page.url();
    expect(await page.getByRole('rowheader').count()).toBe(2 * LOGINS - 50);
    await page.reload();
    await page.getByRole('link', { name: 'First page' }).waitFor();
    const copied = await open(address.slice(c.service.length));
    await copied.getByRole('link', { name: 'First page' }).waitFor();
    expect(await copied.getByLabel('Person', { exact: true }).inputValue()).toBe(user);
    expect(await copied.getByRole('rowheader').count()).toBe(2 * LOGINS - 50);
  });

  it('names people, groups and clients beside their IDs, and finds people by name', async () => {
    const page = await open();
    const row = page.getByRole('row').filter({ hasText: 'SESSION_STARTED' }).first();
    for (const [name, id] of [
      ['Anna Jansen', user],
      ['Host system', host.id],
      ['Class 2B', groupId],
    ] as const) {
      await row.getByRole('link', { name, exact: true }).waitFor();
      await row.getByText(id, { exact: true }).waitFor();
    }
    await page.getByLabel('Person', { exact: true }).pressSequentially('bo s');
    await page.getByRole('option', { name: 'Bo Smit' }).click();
    await page.getByRole('button', { name: 'Filter', exact: true }).click();
    await page.waitForURL((url) => url.searchParams.get('user') === other);
    // Any other reference names an account as well.
    const emailAddress = `someone${Date.now()}@record.example`;
    const someone = await c.t.world.user({ organizationId: c.organizationId, name: 'Someone', emailAddress });
    await page.getByLabel('Who did it', { exact: true }).fill(emailAddress);
    await page.getByRole('button', { name: 'Filter', exact: true }).click();
    await page.waitForURL((url) => url.searchParams.get('actor') === someone);
    await page.getByLabel('Who did it', { exact: true }).fill('nobody@record.example');
    await page.getByRole('button', { name: 'Filter', exact: true }).click();
    await page.getByRole('alert').getByText('This does not exist, or no longer does.').waitFor();
    expect(await faults(page)).toEqual([]);
  });

  it('filters by the time in the zone of the browser', async () => {
    const page = await open('/console/record', { timezoneId: 'Asia/Tokyo' });
    await page.getByLabel('Before', { exact: true }).fill('2020-01-01T09:00');
    await page.getByRole('button', { name: 'Filter', exact: true }).click();
    await shown(page, 'Nothing matches.');
    expect(new URL(page.url()).searchParams.get('until')).toBe('2020-01-01T00:00:00.000Z');
    await page.reload();
    await settled(page);
    expect(await page.getByLabel('Before', { exact: true }).inputValue()).toBe('2020-01-01T09:00');
  });

  it('shows what happens while it is watched', async () => {
    const page = await open(`/console/record?user=${other}&event=SESSION_STARTED`);
    await shown(page, '1 in all');
    await page.getByLabel('Watch what happens now').check();
    await c.t.signIn(host, other);
    await shown(page, '2 in all');
    expect(new URL(page.url()).searchParams.get('live')).toBe('1');
  });

  it.each([
    { name: 'Export as CSV', lines: 2 * LOGINS + 1 },
    { name: 'Export as NDJSON', lines: 2 * LOGINS },
  ])('downloads what matches: $name', async ({ name, lines }) => {
    const page = await open(`/console/record?user=${user}`);
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name }).click()]);
    const text = readFileSync(await file.path(), 'utf8');
    expect(text.trim().split('\n')).toHaveLength(lines);
    expect(text).toContain(groupId);
    expect(text).not.toContain(other);
  });

  it('stops an export, of which no file is left', async () => {
    const page = await open(`/console/record?user=${user}`);
    const downloads: unknown[] = [];
    page.on('download', (file) => downloads.push(file));
    // The request is held back, so that there is time to stop it.
    await page.route('**/audit/export?*', () => undefined);
    await page.getByRole('button', { name: 'Export as CSV' }).click();
    await page.getByText('0 lines so far').waitFor();
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByRole('button', { name: 'Stop' }).waitFor({ state: 'detached' });
    expect(await page.getByRole('button', { name: 'Export as CSV' }).isEnabled()).toBe(true);
    expect([downloads, await page.getByRole('alert').count()]).toEqual([[], 0]);
  });

  it('is reached from a person and from a group, with what is theirs', async () => {
    for (const [path, query] of [
      [`/console/people/${user}`, `?user=${user}`],
      [`/console/groups/${groupId}`, `?group=${groupId}`],
    ] as const) {
      const page = await open(path);
      await page.getByRole('main').getByRole('link', { name: 'Record' }).click();
      await page.getByRole('rowheader').first().waitFor();
      expect(new URL(page.url()).search).toBe(query);
    }
  });

  it('is no page for those who may not read it', async () => {
    const page = await c.open('/console/record', await c.person('MANAGE_USERS'));
    await page.getByRole('heading', { name: 'There is no page here for you' }).waitFor();
    expect(await page.getByRole('link', { name: 'Record' }).count()).toBe(0);
  });

  it('loads at most 40 kB more', async () => {
    const page = await open('/console/account');
    const files = filesOf(page);
    await page.getByRole('link', { name: 'Record' }).click();
    await page.getByRole('rowheader').first().waitFor();
    expect(sizeOf(files, '.js')).toBeLessThanOrEqual(40_000);
  });

  it('breaks no rule of the policy, calls no other service, and no script fails, in all of these tests', () => {
    expect(c.wrongs).toEqual({ violations: [], foreign: [], failures: [] });
  });
});
