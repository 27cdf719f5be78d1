import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { ConsoleSession } from '../../src/schema/entities/console-session.entity.js';
import type { Permission } from '../../src/schema/entities/account-permission.entity.js';
import { User } from '../../src/schema/entities/user.entity.js';
import type { TestApp } from '../support/app.js';
import {
  confirm,
  ConsoleBrowser,
  faults,
  filesOf,
  NARROW,
  namesIn,
  settled,
  sizeOf,
  widthOf,
} from '../support/console.js';

const ALL: Permission[] = [
  'OBTAIN_ACCESS_TOKENS',
  'MANAGE_USERS',
  'CREATE_GROUPS',
  'MANAGE_ALL_GROUPS',
  'MANAGE_STAFF',
];
/** More than a page of a list. */
const MANY = 60;

let c: ConsoleBrowser;
let t: TestApp;
let organizationId: string;
let groupId: string;
let administrator: string;
let manager: string;

beforeAll(async () => {
  c = await ConsoleBrowser.start();
  ({ t, organizationId } = c);
  groupId = await t.world.group(organizationId, 'Class 2B');
  await t.world.group(organizationId, 'Class 3A');
  administrator = await c.person(...ALL);
  manager = await c.person();
  await t.world.allow(c.idOf(manager), groupId, 'MANAGE');
  for (let index = 0; index < MANY; index++)
    await t.world.user({ organizationId, name: `Pupil ${index}`, emailAddress: `pupil${index}@school.example` });
  const member = await t.world.user({ organizationId, name: 'Anna Jansen', emailAddress: 'anna@school.example' });
  await t.world.join(member, groupId);
});
afterAll(() => c?.stop());
afterEach(() => c.closePages());

function open(path: string, emailAddress = administrator, options: BrowserContextOptions = {}): Promise<Page> {
  return c.open(path, emailAddress, options);
}

/** All pages, with something in them. */
function pages(): string[] {
  return ['/console/groups', `/console/groups/${groupId}`, '/console/people', `/console/people/${c.idOf(manager)}`];
}

describe('the console', () => {
  it('signs people in, and leads to the page that they wanted', async () => {
    const page = await open('/console/people?query=anna');
    expect(new URL(page.url()).href).toBe(`${c.service}/console/people?query=anna`);
    expect(await namesIn(page)).toEqual(['Anna Jansen']);
    expect(await page.title()).toBe('People · Latchkey');
    expect(await page.evaluate('document.cookie')).toBe('');
    await page.getByRole('link', { name: 'Groups' }).click();
    expect((await namesIn(page)).toSorted()).toEqual(['Class 2B', 'Class 3A']);
    await page.getByRole('link', { name: 'Class 2B' }).click();
    await page.getByRole('link', { name: 'Anna Jansen' }).click();
    await page.getByText('anna@school.example').waitFor();
  });

  it('shows a group’s manager that group and its people and nothing else', async () => {
    const page = await open('/console', manager);
    expect(await namesIn(page)).toEqual(['Class 2B']);
    expect(
      await page.getByRole('navigation', { name: 'Pages', exact: true }).getByRole('link').allTextContents(),
    ).toEqual(['Home', 'Groups']);
    await page.goto(`${c.service}/console/people`);
    await page.getByRole('heading', { name: 'There is no page here for you' }).waitFor();
  });

  it('leads somebody without rights to their own account', async () => {
    const page = await open('/console', await c.person());
    await page.getByRole('heading', { name: 'My account', level: 1 }).waitFor();
    expect(new URL(page.url()).pathname).toBe('/console/account');
  });

  it('has search and page in the address: Back, a reload, a copied link and a new sign-in bring them back', async () => {
    const page = await open('/console/people');
    await page.getByRole('searchbox').fill('pupil');
    await page.waitForURL('**/people?query=pupil');
    await page.getByText(`${MANY} in all`).waitFor();
    await page.getByRole('link', { name: 'Next page' }).click();
    await page.getByRole('link', { name: 'First page' }).waitFor();
    await page.waitForFunction(`document.querySelectorAll('tbody tr').length === ${MANY - 50}`);
    const [address, names] = [page.url(), await namesIn(page)];
    await page.getByRole('rowheader').first().getByRole('link').click();
    await page.getByRole('heading', { name: names[0], level: 1 }).waitFor();
    await page.goBack();
    await page.waitForFunction(`document.querySelectorAll('tbody tr').length === ${MANY - 50}`);
    expect([page.url(), await page.getByRole('searchbox').inputValue(), await namesIn(page)]).toEqual([
      address,
      'pupil',
      names,
    ]);
    await page.reload();
    expect(await namesIn(page)).toEqual(names);
    await t.world.write((db) => db.clear(ConsoleSession));
    t.clock.advance(2);
    await page.reload();
    // The sign-in at the authorization server is still there.
    expect(await namesIn(page)).toEqual(names);
    expect(page.url()).toBe(address);
    expect(await namesIn(await open(address.slice(c.service.length)))).toEqual(names);
  });

  it('signs out here and at the authorization server', async () => {
    const page = await open('/console');
    await page.locator('summary').click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Password').waitFor();
    await page.goto(`${c.service}/console`);
    await page.getByLabel('Password').waitFor();
    expect(new URL(page.url()).pathname).toMatch(/^\/oauth\/interaction\//);
  });

  it.each([
    ['nl-BE', 'Groepen'],
    ['de', 'Gruppen'],
    ['fr-CA', 'Groupes'],
    ['es', 'Grupos'],
    ['fi', 'Groups'],
  ])('speaks the language of the browser: %s', async (locale, title) => {
    const page = await open('/console/groups', administrator, { locale });
    await page.getByRole('heading', { name: title, level: 1 }).waitFor();
    expect(await page.evaluate('document.documentElement.lang')).toBe(locale === 'fi' ? 'en' : locale.slice(0, 2));
  });

  it('keeps the language and the appearance that somebody chooses', async () => {
    const page = await open('/console/groups', administrator, { colorScheme: 'light' });
    const paper = (): Promise<unknown> => page.evaluate('getComputedStyle(document.body).backgroundColor');
    const light = await paper();
    await page.locator('summary').click();
    await page.getByLabel('Appearance').selectOption('dark');
    await page.getByLabel('Language').selectOption('nl');
    await page.getByRole('heading', { name: 'Groepen' }).waitFor();
    const dark = await paper();
    await page.reload();
    await page.getByRole('heading', { name: 'Groepen' }).waitFor();
    expect([await paper(), dark === light]).toEqual([dark, false]);
  });

  it.each(['light', 'dark'] as const)('has no fault that axe-core finds, in %s', async (colorScheme) => {
    const page = await open('/console', administrator, { colorScheme });
    for (const path of [...pages(), '/console/nowhere']) {
      await page.goto(c.service + path);
      await settled(page);
      expect({ path, faults: await faults(page) }).toEqual({ path, faults: [] });
    }
    await page.locator('summary').click();
    expect(await faults(page)).toEqual([]);
  });

  it.each(NARROW)('needs no scrolling sideways in %s', async (_, viewport) => {
    const page = await open('/console', administrator, { viewport });
    for (const path of pages()) {
      await page.goto(c.service + path);
      await settled(page);
      expect({ path, width: await widthOf(page) }).toEqual({ path, width: viewport.width });
    }
  });

  it('has at most 130 kB of scripts and 12 kB of styles for the first page, and 40 kB for each later one', async () => {
    const page = await open('/console/nowhere');
    for (const path of pages()) {
      const { scripts, styles } = await c.sizesOf(page, path);
      const isSmall = scripts > 60_000 && scripts <= 130_000 && styles <= 12_000;
      expect({ path, scripts, styles, isSmall }).toEqual({ path, scripts, styles, isSmall: true });
    }
    const loaded = filesOf(page);
    await page.goto(`${c.service}/console/groups`);
    await settled(page);
    loaded.splice(0);
    for (const name of ['People', 'Groups']) {
      await page.getByRole('link', { name, exact: true }).click();
      await settled(page);
      expect(sizeOf(loaded.splice(0), '.js')).toBeLessThanOrEqual(40_000);
    }
  });

  it('lets people be managed: create, edit, block, unblock, delete', async () => {
    const page = await open('/console/people');
    await page.getByRole('button', { name: 'New person' }).click();
    await page.getByLabel('Name').fill('Carla Nowak');
    await page.getByLabel('E-mail address').fill(manager);
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('alert').getByText('Another account has this e-mail address.').waitFor();
    expect(await faults(page)).toEqual([]);
    await page.getByLabel('E-mail address').fill('carla@school.example');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('heading', { name: 'Carla Nowak', level: 1 }).waitFor();
    const id = new URL(page.url()).pathname.split('/').at(-1)!;
    await page.getByRole('button', { name: 'Edit' }).click();
    await page.getByLabel('Name').fill('Carla Novak');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('heading', { name: 'Carla Novak', level: 1 }).waitFor();
    await confirm(page, 'Block');
    await page.getByText('Blocked').waitFor();
    expect(await stored(id)).toEqual({ name: 'Carla Novak', status: 'BLOCKED' });
    await confirm(page, 'Unblock');
    await page.getByText('Active').waitFor();
    await confirm(page, 'Delete');
    await page.getByRole('heading', { name: 'People', level: 1 }).waitFor();
    expect(await stored(id)).toBeNull();
  });

  it('lets groups be managed: create, edit, add and remove members by keyboard, delete', async () => {
    const page = await open('/console/groups');
    await page.getByRole('button', { name: 'New group' }).press('Enter');
    await page.getByLabel('Name').fill('Swimming');
    await page.getByLabel('Description').fill('Tuesdays at nine');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Swimming', level: 1 }).waitFor();
    await page.getByRole('button', { name: 'Add a member' }).press('Enter');
    await page.getByRole('combobox').pressSequentially('anna j');
    await page.getByRole('option', { name: 'Anna Jansen' }).waitFor();
    expect(await faults(page)).toEqual([]);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Save' }).press('Enter');
    await page.getByText('Anna Jansen is a member now.').waitFor();
    await page.getByRole('row', { name: 'Anna Jansen' }).waitFor();
    // The people who are found stand between the field and the button, which an e-mail address that is typed needs.
    await page.getByRole('button', { name: 'Add a member' }).click();
    await page.getByRole('combobox').fill('pupil1@school.example');
    await page.getByRole('option', { name: 'Pupil 1' }).waitFor();
    await page.getByRole('button', { name: 'Save' }).click({ trial: true });
    await page.keyboard.press('Escape');
    await page.getByRole('option', { name: 'Pupil 1' }).waitFor({ state: 'detached' });
    await page.getByRole('combobox').fill('pupil2@school.example');
    await page.getByRole('option', { name: 'Pupil 2' }).waitFor();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Pupil 2 is a member now.').waitFor();
    await page.getByRole('button', { name: 'Remove Pupil 2' }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Remove' }).click();
    await page.getByRole('alertdialog').waitFor({ state: 'detached' });
    // Any other reference is taken as it is typed.
    await page.getByRole('button', { name: 'Add a member' }).click();
    await page.getByRole('combobox').fill('nobody@school.example');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('alert').getByText('This does not exist, or no longer does.').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Remove Anna Jansen' }).click();
    const question = page.getByRole('alertdialog');
    expect(await question.textContent()).toContain('Remove Anna Jansen from Swimming?');
    expect(await faults(page)).toEqual([]);
    await question.getByRole('button', { name: 'Remove' }).click();
    await page.getByText('The group has no members yet.').waitFor();
    await confirm(page, 'Delete');
    expect((await namesIn(page)).toSorted()).toEqual(['Class 2B', 'Class 3A']);
  });

  it('lets the sessions of a person be ended', async () => {
    const caller = await t.world.caller({ organizationId });
    const { id } = await t.world.userOf(caller, { name: 'Björn Åkesson' });
    const cookie = await t.signIn(caller, id);
    const page = await open(`/console/people/${id}`);
    await page.getByRole('row', { name: 'Host system' }).waitFor();
    await confirm(page, 'End');
    await page.getByText('Nobody has let this person in.').waitFor();
    t.clock.advance(2);
    expect((await t.call('/session', { headers: { cookie } })).status).toBe(401);
  });

  it('breaks no rule of its policy, calls no other service, and no script fails, in all of these tests', () => {
    expect(c.wrongs).toEqual({ violations: [], foreign: [], failures: [] });
  });
});

function stored(id: string): Promise<Pick<User, 'name' | 'status'> | null> {
  return t.world.write((db) => db.findOne(User, { where: { id }, select: { name: true, status: true } }));
}
