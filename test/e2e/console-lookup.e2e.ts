import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { readLoginId } from '../../src/common/login-id.js';
import { AuditEvent } from '../../src/schema/entities/audit-event.entity.js';
import { Group } from '../../src/schema/entities/group.entity.js';
import { PERMISSIONS } from '../../src/schema/entities/account-permission.entity.js';
import { ConsoleBrowser, faults, filesOf, NARROW, settled, sizeOf, widthOf } from '../support/console.js';
import { decode } from '../support/forge.js';
import { newClient, newServiceAccount } from '../support/oauth.js';
import type { TestCaller } from '../support/world.js';

const LANGUAGES = { en: 'Find', nl: 'Zoeken', de: 'Suchen', fr: 'Rechercher', es: 'Buscar' };

let c: ConsoleBrowser;
let administrator: string;
let manager: string;
let host: TestCaller;
let person: string;
let groupId: string;
/** What is pasted, and the page to which it leads. */
let kinds: Record<string, [pasted: string, path: string]>;

beforeAll(async () => {
  c = await ConsoleBrowser.start();
  const { t, organizationId } = c;
  administrator = await c.person(...PERMISSIONS);
  manager = await c.person();
  host = await t.world.caller({ organizationId });
  const code = await t.world.thirdParty(organizationId);
  ({ id: person, groupId } = await t.world.userOf(host, {
    name: 'Anna Jansen',
    emailAddress: 'anna@lookup.example',
    thirdPartyId: [code, '4711'],
  }));
  await t.world.write((db) => db.update(Group, { id: groupId }, { customReference: '2B-2026' }));
  await t.world.allow(c.idOf(manager), groupId, 'MANAGE');
  await t.world.group(organizationId, 'Class 3A');
  const client = await newClient(t, organizationId);
  const account = await newServiceAccount(t, organizationId);
  await t.signIn(host, person);
  const ended = readLoginId((await t.world.loginTokensOf(person)).at(-1)!.id);
  await t.world.endSessions(person);
  await t.signIn(host, person);
  const session = readLoginId((await t.world.loginTokensOf(person)).at(-1)!.id);
  const { jti } = decode(await t.loginToken(host, person)).payload as { jti: string };
  kinds = {
    'a user ID': [person, `/people/${person}`],
    'an e-mail address': ['anna@lookup.example', `/people/${person}`],
    'a third-party ID': [`${code}$4711`, `/people/${person}`],
    'a group ID': [groupId, `/groups/${groupId}`],
    'the reference of a group': ['2B-2026', `/groups/${groupId}`],
    'the name of a group': ['class 3a', '/groups/'],
    'a client ID': [client.id, `/clients/${client.id}`],
    'a service account': [account.id, `/service-accounts/${account.id}`],
    'a session': [session, `/people/${person}`],
    'a login token': [jti, `/people/${person}`],
    'a session that has ended': [ended, '/record'],
    'a request': [await refusedRequest(), '/record'],
    'an access token': [await accessToken(), '/record'],
  };
});
afterAll(() => c?.stop());

/** The ID of a request that was refused. */
async function refusedRequest(): Promise<string> {
  const stranger = await c.t.world.caller({ organizationId: c.organizationId });
  const { status, headers } = await c.t.as(stranger)(`/access/${person}`);
  expect(status).toBe(403);
  return headers.get('x-request-id')!;
}

/** The `jti` of an access token: the console gets one when somebody signs in. */
async function accessToken(): Promise<string> {
  await c.open('/console/account', administrator);
  await c.closePages();
  const { organizationId } = c;
  const found = await c.t.world.write((db) =>
    db.findOneByOrFail(AuditEvent, { event: 'TOKEN_ISSUED', organizationId }),
  );
  return found.tokenId!;
}

/** Opens the box by its key, pastes a text, and presses Enter at once. */
async function pasteAndEnter(on: Page, text: string): Promise<void> {
  await on.keyboard.press('Control+k');
  await on.getByRole('combobox', { name: 'ID or name' }).waitFor();
  await on.keyboard.insertText(text);
  await on.keyboard.press('Enter');
}

describe('the box that finds', () => {
  let page: Page;
  beforeAll(async () => {
    page = await c.open('/console/account', administrator, { hasTouch: true });
  });

  it('is loaded when it is opened, with at most 60 kB of scripts', async () => {
    const loaded = filesOf(page);
    await page.getByRole('button', { name: 'Find' }).click();
    await page.getByRole('combobox').waitFor();
    const size = sizeOf(loaded, '.js');
    expect(size).toBeGreaterThan(1000);
    expect(size).toBeLessThanOrEqual(60_000);
    await page.keyboard.press('Escape');
  });

  it('goes to the page of what is pasted, by keyboard alone, for thirteen kinds of ID', async () => {
    expect(Object.keys(kinds)).toHaveLength(13);
    for (const [pasted, path] of Object.values(kinds)) {
      await c.go(page, '/console/account');
      await pasteAndEnter(page, pasted);
      await page.waitForURL((url) => url.pathname.startsWith(`/console${path}`));
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await settled(page);
    }
  });

  it('shows the record of a session that has ended', async () => {
    await c.go(page, '/console/account');
    await pasteAndEnter(page, kinds['a session that has ended']![0]);
    await page.waitForURL((url) => url.searchParams.get('token') === kinds['a session that has ended']![0]);
    await page.getByRole('table').getByText('SESSION_STARTED').waitFor();
    expect(await page.getByRole('table').getByText('SESSION_STARTED').count()).toBe(1);
  });

  it('shows the record of a request, whose ID an error page or the log quotes', async () => {
    await c.go(page, '/console/account');
    await pasteAndEnter(page, kinds['a request']![0]);
    await page.waitForURL((url) => url.searchParams.get('request') === kinds['a request']![0]);
    await page.getByRole('table').getByText('ACCESS_REFUSED').waitFor();
    expect(await page.getByRole('rowheader').count()).toBe(1);
  });

  it('offers people and groups whose names match, to arrow keys and to the mouse', async () => {
    await c.go(page, '/console/account');
    await page.keyboard.press('Meta+k');
    await page.getByRole('combobox').waitFor();
    await page.keyboard.type('an');
    await page.getByRole('option', { name: /^Anna Jansen/ }).waitFor();
    await page.keyboard.press('Control+a');
    await page.keyboard.type('class');
    await page.getByText('2 results').waitFor();
    expect((await page.getByRole('option').allTextContents()).toSorted()).toEqual([
      'Class 2B Group · 2B-2026',
      'Class 3A Group',
    ]);
    const [first, second] = await page.getByRole('option').allTextContents();
    expect(await page.getByRole('option', { name: first }).getAttribute('data-highlighted')).toBe('');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: second!.slice(0, 8), level: 1 }).waitFor();
    await page.getByRole('button', { name: 'Find' }).click();
    await page.getByLabel('ID or name').fill('2b');
    await page.getByRole('option', { name: /^Class 2B/ }).click();
    await page.getByRole('heading', { name: 'Class 2B', level: 1 }).waitFor();
  });

  it('says when there is nothing, stays open, and gives the focus back when it is closed', async () => {
    await c.go(page, '/console/account');
    await page.getByRole('button', { name: 'Find' }).focus();
    await pasteAndEnter(page, 'ffffffffffffffffffffffffffffffff');
    await page.getByText('There is nothing with this ID or name that you may see.').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Find');
  });

  it('leaves the key to another dialog that is open', async () => {
    await c.go(page, '/console/groups');
    await page.getByRole('button', { name: 'New group' }).click();
    await page.getByRole('dialog', { name: 'New group' }).waitFor();
    await page.keyboard.press('Control+k');
    expect(await page.getByRole('dialog').count()).toBe(1);
  });

  it.each(['light', 'dark'] as const)(
    'has no fault that axe-core finds, empty, with results and without, in %s',
    async (colorScheme) => {
      await page.emulateMedia({ colorScheme });
      await c.go(page, '/console/account');
      await page.getByRole('button', { name: 'Find' }).click();
      await page.getByRole('combobox').waitFor();
      expect(await faults(page)).toEqual([]);
      for (const text of ['class', 'nobody has this name']) {
        await page.getByRole('combobox').fill(text);
        await page.getByText(/2 results|There is nothing/).waitFor();
        expect({ text, faults: await faults(page) }).toEqual({ text, faults: [] });
      }
    },
  );

  it.each(NARROW)('works in %s, and nothing has to be scrolled sideways', async (_, viewport) => {
    await page.setViewportSize(viewport);
    await c.go(page, '/console/groups');
    expect(await widthOf(page)).toBeLessThanOrEqual(viewport.width);
    await page.getByRole('button', { name: 'Find' }).tap();
    await page.getByRole('combobox').fill('anna');
    const found = page.getByRole('option', { name: /^Anna Jansen/ });
    await found.waitFor();
    expect(await widthOf(page)).toBeLessThanOrEqual(viewport.width);
    await found.tap();
    await page.getByRole('heading', { name: 'Anna Jansen', level: 1 }).waitFor();
  });

  it('speaks five languages', async () => {
    for (const [language, name] of Object.entries(LANGUAGES)) {
      await page.evaluate(`localStorage.setItem('latchkey-language', '${language}')`);
      await page.reload();
      await page.getByRole('button', { name, exact: true }).click();
      const dialog = page.getByRole('dialog', { name });
      await dialog.waitFor();
      expect(await dialog.getByRole('combobox').count()).toBe(1);
    }
  });

  it('finds for the manager of a group her group and its people, and nothing that she has no page for', async () => {
    const hers = await c.open('/console/groups', manager);
    for (const kind of ['a user ID', 'a group ID', 'the reference of a group']) {
      await pasteAndEnter(hers, kinds[kind]![0]);
      await hers.waitForURL((url) => url.pathname === `/console${kinds[kind]![1]}`);
      await hers.getByRole('dialog').waitFor({ state: 'detached' });
    }
    const others = ['the name of a group', 'a client ID', 'a session', 'a login token', 'a request', 'an access token'];
    for (const kind of others) {
      await pasteAndEnter(hers, kinds[kind]![0]);
      await hers.getByText('There is nothing with this ID').waitFor();
      expect(await hers.getByRole('option').count()).toBe(0);
      await hers.keyboard.press('Escape');
      await hers.getByRole('dialog').waitFor({ state: 'detached' });
    }
  });
});

it('violates no policy, and asks nothing of other origins', () => {
  expect(c.wrongs).toEqual({ violations: [], foreign: [], failures: [] });
});
