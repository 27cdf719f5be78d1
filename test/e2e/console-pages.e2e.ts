import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { PERMISSIONS } from '../../src/schema/entities/account-permission.entity.js';
import { ConsoleBrowser, faults, filesOf, loaded, NARROW, settled, sizeOf, widthOf } from '../support/console.js';
import { newWebhook } from '../support/webhook-receiver.js';
import { newClient, newServiceAccount } from '../support/oauth.js';

/** Bytes of gzip. */
const MAX_SCRIPTS = 130_000;
const MAX_STYLES = 12_000;
/** What a page adds for somebody who has another one open. */
const MAX_LATER = 40_000;
const ALL_PAGES_MS = 300_000;
const ALL_DIALOGS_MS = 900_000;
/** One of each way in which a dialog is made. */
const DIALOGS = ['New group', 'Add a member', 'Delete'];

/** Every page of the console, as `console/src/pages.ts` lists them. */
const PATHS = [...readFileSync('console/src/pages.ts', 'utf8').matchAll(/\bpath: '([^']+)'/g)].map(([, path]) => path!);

let c: ConsoleBrowser;
let administrator: string;
/** What `:id` is in the path of a page. */
let ids: Record<string, string>;

beforeAll(async () => {
  c = await ConsoleBrowser.start();
  const { t, organizationId } = c;
  administrator = await c.person(...PERMISSIONS);
  const [group, other] = [
    await t.world.group(organizationId, 'Class 2B'),
    await t.world.group(organizationId, 'Evening'),
  ];
  const caller = await t.world.caller({ organizationId, permissions: [...PERMISSIONS] });
  const person = await t.world.user({ organizationId, name: 'Anna Jansen', emailAddress: 'anna@pages.example' });
  await t.world.join(person, group);
  await t.world.allow(caller.id, group, 'MANAGE');
  await t.world.allow(c.idOf(administrator), group, 'MANAGE');
  await t.world.join(await t.world.user({ organizationId, name: 'Bo Smit' }), group, 'INVITED');
  await t.world.join(c.idOf(administrator), other, 'INVITED');
  await t.world.join(c.idOf(administrator), group);
  for (const id of [person, c.idOf(administrator)]) await t.signIn(caller, id);
  await t.loginToken(caller, person);
  await t.world.origin(organizationId, 'https://owned.example');
  await t.send(caller, 'POST', '/origins', { origin: 'https://claimed.example' });
  ids = {
    '/groups/:id': group,
    '/people/:id': person,
    '/clients/:id': (await newClient(t, organizationId)).id,
    '/webhooks/:id': (await newWebhook(t, caller, { url: 'https://receiver.example/', status: 'DISABLED' })).id,
    '/service-accounts/:id': (await newServiceAccount(t, organizationId)).id,
  };
});
afterAll(() => c?.stop());
afterEach(() => c.closePages());

function addressOf(path: string): string {
  return `/console${path.replace(':id', ids[path] ?? 'no-example')}`;
}

async function openAll(page: Page, check: (path: string) => Promise<void>): Promise<void> {
  for (const path of PATHS) {
    await c.go(page, addressOf(path));
    expect(await page.getByRole('alert').count()).toBe(0);
    await check(path);
  }
}

/** Opens each dialog of the page that is open, and closes it again. */
async function openDialogs(page: Page, check: (title: string) => Promise<void>): Promise<void> {
  const openers = page.getByRole('main').locator('button[aria-haspopup=dialog]:enabled:visible');
  for (let index = 0; index < (await openers.count()); index++) {
    await openers.nth(index).click();
    const dialog = page.locator('[role=dialog], [role=alertdialog]');
    await dialog.waitFor();
    await loaded(page);
    await check((await dialog.locator('h2').first().textContent())!);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
  }
}

describe('every page', () => {
  it('is known to this test', () => {
    expect(PATHS).toContain('/groups/:id');
    expect(PATHS.filter((path) => path.includes(':') && !(path in ids))).toEqual([]);
  });

  it(
    'has at most 130 kB of scripts and 12 kB of styles when it is opened first, and adds at most 40 kB later',
    async () => {
      const page = await c.open('/console/nowhere', administrator);
      const sizes: Record<string, number[]> = {};
      for (const path of PATHS) {
        const first = await c.sizesOf(page, addressOf(path));
        const loaded = filesOf(page);
        await c.go(page, '/console/nowhere');
        loaded.length = 0;
        // As a link does: the scripts that are there stay.
        await page.evaluate(`history.pushState(null, '', ${JSON.stringify(addressOf(path))})`);
        await settled(page);
        await page.waitForLoadState('networkidle');
        sizes[path] = [first.scripts, first.styles, sizeOf(loaded, '.js')];
      }
      console.info(
        Object.entries(sizes)
          .map(([path, numbers]) => `${path}: ${numbers.join(', ')}`)
          .join('\n'),
      );
      const tooLarge = Object.entries(sizes).filter(
        ([, [scripts, styles, later]]) => scripts! > MAX_SCRIPTS || styles! > MAX_STYLES || later! > MAX_LATER,
      );
      expect(tooLarge).toEqual([]);
      expect(Math.min(...Object.values(sizes).map(([scripts]) => scripts!))).toBeGreaterThan(60_000);
      expect(Math.max(...Object.values(sizes).map(([, , later]) => later!))).toBeGreaterThan(1000);
    },
    ALL_PAGES_MS,
  );

  it.each(['light', 'dark'] as const)(
    'has no fault that axe-core finds, in %s',
    async (colorScheme) => {
      const page = await c.open('/console/nowhere', administrator, { colorScheme });
      await openAll(page, async (path) => expect({ path, faults: await faults(page) }).toEqual({ path, faults: [] }));
    },
    ALL_PAGES_MS,
  );

  it(
    'has dialogs in which axe-core finds no fault, in light and in dark',
    async () => {
      const page = await c.open('/console/nowhere', administrator);
      const [titles, wrong] = [new Set<string>(), [] as object[]];
      await openAll(page, async (path) => {
        // With somebody selected, there are the dialogs for a selection too.
        const select = page.getByRole('table').getByRole('checkbox').first();
        if ((await select.count()) > 0) await select.check();
        await openDialogs(page, async (title) => {
          titles.add(title);
          for (const colorScheme of ['light', 'dark'] as const) {
            await page.emulateMedia({ colorScheme });
            const found = await faults(page);
            if (found.length > 0) wrong.push({ path, title, colorScheme, found });
          }
        });
      });
      expect(wrong).toEqual([]);
      for (const title of DIALOGS) expect([...titles]).toContain(title);
    },
    ALL_DIALOGS_MS,
  );

  it.each(NARROW)(
    'needs no scrolling sideways in %s',
    async (_, viewport) => {
      const page = await c.open('/console/nowhere', administrator, { viewport });
      await openAll(page, async (path) =>
        expect({ path, width: await widthOf(page) }).toEqual({ path, width: viewport.width }),
      );
    },
    ALL_PAGES_MS,
  );

  it('breaks no rule of the policy, calls no other service, and no script fails, in all of these tests', () => {
    expect(c.wrongs).toEqual({ violations: [], foreign: [], failures: [] });
  });
});
