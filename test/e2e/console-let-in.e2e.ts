import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { AuditEvent } from '../../src/schema/entities/audit-event.entity.js';
import { ConsoleBrowser, faults, NARROW, settled, widthOf } from '../support/console.js';

const REASON = 'Call 4711: the results do not open';

let c: ConsoleBrowser;
let administrator: string;
let userId: string;

beforeAll(async () => {
  c = await ConsoleBrowser.start();
  administrator = await c.person('OBTAIN_ACCESS_TOKENS', 'MANAGE_USERS');
  const caller = { id: c.idOf(administrator), clientId: '', organizationId: c.organizationId, token: '' };
  ({ id: userId } = await c.t.world.userOf(caller, { name: 'Anna Jansen' }));
});
afterAll(() => c?.stop());
afterEach(() => c.closePages());

/** Makes a link on the page of the person. Resolves to the page and the link. */
async function makeLink(options: BrowserContextOptions = {}): Promise<{ page: Page; link: string }> {
  const page = await c.open(`/console/people/${userId}`, administrator, options);
  await settled(page);
  await page.getByRole('button', { name: 'Make a link' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Reason').fill(REASON);
  expect(await faults(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Make a link' }).click();
  return { page, link: (await page.locator('pre').textContent()) ?? '' };
}

it('an administrator lets a person in by a link for a private window, and the record has the reason', async () => {
  const { page, link } = await makeLink();
  const visitor = await c.newPage();
  await visitor.goto(link);
  await visitor.getByRole('button').first().click();
  await visitor.waitForURL((url) => url.pathname !== '/login');
  const session = await visitor.request.get(`${c.service}/session`);
  expect(await session.json()).toMatchObject({ user: { id: userId }, actor: { id: c.idOf(administrator) } });

  const where = { event: 'ACCESS_REASON_GIVEN', userId } as const;
  const events = await c.t.world.write((db) => db.findBy(AuditEvent, where));
  expect(events).toMatchObject([{ actorId: c.idOf(administrator), details: JSON.stringify({ text: REASON }) }]);

  // The administrator's own browser has the console and no session of the person.
  expect((await page.request.get(`${c.service}/session`)).status()).toBe(401);
  await page.getByRole('button', { name: 'I have it' }).click();
  await page.getByRole('button', { name: 'Make a link' }).waitFor();
  expect(c.wrongs).toEqual({ violations: [], foreign: [], failures: [] });
});

it.each(NARROW)('a link is shown in %s without scrolling sideways', async (_, viewport) => {
  const { page } = await makeLink({ viewport, colorScheme: 'dark' });
  expect(await faults(page)).toEqual([]);
  expect(await widthOf(page)).toBeLessThanOrEqual(viewport.width);
});

it('somebody without the permission to let people in is offered no link', async () => {
  const other = await c.person('MANAGE_USERS');
  const page = await c.open(`/console/people/${userId}`, other);
  await settled(page);
  expect(await page.getByRole('heading', { name: 'Let in' }).count()).toBe(0);
});
