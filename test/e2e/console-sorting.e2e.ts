import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { ConsoleBrowser, faults, namesIn, NARROW, settled, widthOf } from '../support/console.js';

/** Three pages of a list. */
const MANY = 120;

let c: ConsoleBrowser;
let administrator: string;
let page: Page;

beforeAll(async () => {
  c = await ConsoleBrowser.start();
  administrator = await c.person('MANAGE_USERS', 'MANAGE_ALL_GROUPS');
  const { t, organizationId } = c;
  for (let index = 0; index < MANY; index++)
    await t.world.user({ organizationId, name: `Pupil ${String(index).padStart(3, '0')}` });
  for (const name of ['beta', 'Álpha', 'Gamma']) await t.world.group(organizationId, name);
  page = await c.open('/console/people', administrator);
});
afterAll(() => c?.stop());

/** The order that the first column says it has. */
function orderIn(on: Page): Promise<string | null> {
  return on.getByRole('columnheader', { name: 'Name' }).getAttribute('aria-sort');
}

/** Everything that a list shows, apart from its page: what it is filtered by, its order, and what is selected. */
async function shown(on: Page): Promise<unknown> {
  await settled(on);
  return {
    names: await namesIn(on),
    order: await orderIn(on),
    selected: await on.getByRole('row').getByRole('checkbox', { checked: true }).count(),
  };
}

describe('the order of a list', () => {
  it('is by name, and turned round by keyboard', async () => {
    await c.go(page, '/console/groups');
    expect(await namesIn(page)).toEqual(['Álpha', 'beta', 'Gamma']);
    expect(await orderIn(page)).toBe('ascending');
    await page.getByRole('columnheader', { name: 'Name' }).getByRole('button').press('Enter');
    await page.getByRole('rowheader').first().getByText('Gamma').waitFor();
    expect(await namesIn(page)).toEqual(['Gamma', 'beta', 'Álpha']);
    expect(await orderIn(page)).toBe('descending');
    expect(await faults(page)).toEqual([]);
  });

  it('is in the address with page and selection: back, reload, a copied link and a new sign-in bring it back', async () => {
    await c.go(page, '/console/people');
    await page.getByRole('columnheader', { name: 'Name' }).getByRole('button').click();
    await page.getByRole('link', { name: 'Pupil 119' }).waitFor();
    await page.getByRole('link', { name: 'Next page' }).click();
    await page.getByRole('link', { name: 'Pupil 069' }).waitFor();
    expect((await namesIn(page)).slice(0, 2)).toEqual(
      ['Pupil 069', 'Pupil 068'].map((name) => expect.stringContaining(name)),
    );
    await page.getByRole('checkbox', { name: 'Select Pupil 068' }).check();
    const [before, address] = [await shown(page), page.url()];
    expect(before).toMatchObject({ order: 'descending', selected: 1 });

    await page.getByRole('link', { name: 'Pupil 069' }).click();
    await page.getByRole('heading', { name: 'Pupil 069', level: 1 }).waitFor();
    await page.goBack();
    expect(await shown(page)).toEqual(before);
    await page.reload();
    expect(await shown(page)).toEqual(before);
    const copied = await page.context().newPage();
    await copied.goto(address);
    expect(await shown(copied)).toEqual(before);
    const elsewhere = await c.open(address.slice(c.service.length), administrator);
    expect(await shown(elsewhere)).toEqual(before);
  });

  it('is that of what was found while the list is searched, and comes back afterwards', async () => {
    await c.go(page, '/console/people?sort=-name&query=pupil%2001');
    await page.getByText('10 in all').waitFor();
    expect(await orderIn(page)).toBeNull();
    await page.getByRole('searchbox').fill('');
    await page.getByRole('link', { name: 'Pupil 119' }).waitFor();
    expect(await orderIn(page)).toBe('descending');
  });

  it.each(NARROW)('can be turned round in %s', async (_, viewport) => {
    await page.setViewportSize(viewport);
    await c.go(page, '/console/groups');
    expect(await widthOf(page)).toBeLessThanOrEqual(viewport.width);
    await page.getByRole('button', { name: 'Name', exact: true }).click();
    await page.getByRole('rowheader').first().getByText('Gamma').waitFor();
    expect(await faults(page)).toEqual([]);
  });
});

it('violates no policy, and asks nothing of other origins', () => {
  expect(c.wrongs).toEqual({ violations: [], foreign: [], failures: [] });
});
