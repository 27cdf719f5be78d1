import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { Membership } from '../../src/schema/entities/membership.entity.js';
import type { TestCaller } from '../support/world.js';
import { confirm, ConsoleBrowser, faults, NARROW, widthOf } from '../support/console.js';

let c: ConsoleBrowser;
/** Somebody without any right. */
let person: string;
let host: TestCaller;
let elsewhere: string;

beforeAll(async () => {
  c = await ConsoleBrowser.start();
  person = await c.person();
  host = await c.t.world.caller({ organizationId: c.organizationId });
  const groupId = await c.t.world.group(c.organizationId);
  await c.t.world.join(c.idOf(person), groupId);
  await c.t.world.allow(host.id, groupId, 'MANAGE');
  elsewhere = await c.t.world.organization('Music school');
  await c.t.world.join(c.idOf(person), await c.t.world.group(elsewhere, 'Orchestra'), 'INVITED');
  await c.t.signIn(host, c.idOf(person));
});
afterAll(() => c?.stop());
afterEach(() => c.closePages());

function open(options: BrowserContextOptions = {}): Promise<Page> {
  return c.open('/console/account', person, options);
}

/** A page on which everything is there. */
async function complete(page: Page): Promise<void> {
  await page.getByRole('rowheader', { name: 'Host system' }).first().waitFor();
  await page.getByRole('rowheader', { name: 'Orchestra' }).waitFor();
}

async function invited(name: string): Promise<string> {
  const groupId = await c.t.world.group(elsewhere, name);
  await c.t.world.join(c.idOf(person), groupId, 'INVITED');
  return groupId;
}

function membership(groupId: string): Promise<Membership | null> {
  return c.t.world.write((db) => db.findOneBy(Membership, { userId: c.idOf(person), groupId }));
}

describe('the page of one’s own account', () => {
  it.each(['light', 'dark'] as const)('has no fault that axe-core finds, in %s', async (colorScheme) => {
    const page = await open({ colorScheme });
    await complete(page);
    expect(await faults(page)).toEqual([]);
    for (const button of [/^End the session/, 'Accept: Orchestra', 'Decline: Orchestra']) {
      await page.getByRole('button', { name: button }).click();
      await page.getByRole('alertdialog').waitFor();
      expect({ button, faults: await faults(page) }).toEqual({ button, faults: [] });
      await page.keyboard.press('Escape');
    }
  });

  it.each(NARROW)('needs no scrolling sideways in %s', async (_, viewport) => {
    const page = await open({ viewport });
    await complete(page);
    expect(await widthOf(page)).toBe(viewport.width);
  });

  it('loads at most 130 kB of scripts and 12 kB of styles', async () => {
    const { scripts, styles } = await c.sizesOf(await open(), '/console/account');
    const isSmall = scripts > 60_000 && scripts <= 130_000 && styles <= 12_000;
    expect({ scripts, styles, isSmall }).toEqual({ scripts, styles, isSmall: true });
  });

  it('shows who let one in, and ends that session by keyboard', async () => {
    const cookie = await c.t.signIn(host, c.idOf(person));
    const page = await open();
    await complete(page);
    const rows = page.getByRole('rowheader', { name: 'Host system (Academy)' });
    expect(await rows.count()).toBe(2);
    await page
      .getByRole('button', { name: /^End the session that Host system started at / })
      .first()
      .press('Enter');
    await page.getByRole('alertdialog').getByRole('button', { name: 'End' }).press('Enter');
    await page.getByRole('alertdialog').waitFor({ state: 'detached' });
    await rows.nth(1).waitFor({ state: 'detached' });
    c.t.clock.advance(2);
    expect((await c.t.call('/session', { headers: { cookie } })).status).toBe(401);
  });

  it('accepts and declines invitations', async () => {
    const [choir, ballet] = [await invited('Choir'), await invited('Ballet')];
    const page = await open();
    await complete(page);
    await page.getByRole('button', { name: 'Accept: Choir' }).click();
    const question = page.getByRole('alertdialog');
    expect(await question.textContent()).toContain(
      'The staff of Music school that manages the group can then let you in.',
    );
    await question.getByRole('button', { name: 'Accept' }).click();
    await page.getByText('You are a member of Choir now.').waitFor();
    await confirm(page, 'Decline', 'Decline: Ballet');
    await page.getByText('You have declined the invitation to Ballet.').waitFor();
    expect([(await membership(choir))?.status, await membership(ballet)]).toEqual(['JOINED', null]);
    await page.getByRole('rowheader', { name: 'Ballet' }).waitFor({ state: 'detached' });
  });

  it('leads to the page on which one changes the password', async () => {
    const page = await open();
    await page.getByRole('link', { name: 'Password and sign-ins' }).click();
    await page.getByLabel(/current password/i).waitFor();
    expect(new URL(page.url()).pathname).toBe('/oauth/account');
  });

  it('is reached from the menu', async () => {
    const page = await c.open('/console/groups', await c.person('CREATE_GROUPS'));
    await page.locator('summary').press('Enter');
    await page.getByRole('link', { name: 'My account' }).press('Enter');
    await page.getByRole('heading', { name: 'My account', level: 1 }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).waitFor({ state: 'hidden' });
    await page.getByText('You are signed in nowhere by somebody else.').waitFor();
    await page.getByText('Nobody has invited you to a group.').waitFor();
    expect(new URL(page.url()).pathname).toBe('/console/account');
  });

  it('breaks no rule of the policy, calls no other service, and no script fails, in all of these tests', () => {
    expect(c.wrongs).toEqual({ violations: [], foreign: [], failures: [] });
  });
});
