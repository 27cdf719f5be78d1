import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { PERMISSIONS } from '../../src/schema/entities/account-permission.entity.js';
import { ConsoleBrowser, faults, filesOf, NARROW, settled, sizeOf, widthOf } from '../support/console.js';
import { newClient, newServiceAccount } from '../support/oauth.js';

/** Bytes of gzip. */
const MAX_SCRIPTS = 130_000;
const MAX_STYLES = 12_000;
/** What a page adds for somebody who has another one open. */
const MAX_LATER = 40_000;
const ALL_PAGES_MS = 300_000;

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
  const group = await t.world.group(organizationId, 'Class 2B');
  const caller = await t.world.caller({ organizationId });
  const person = await t.world.user({ organizationId, name: 'Anna Jansen', emailAddress: 'anna@pages.example' });
  await t.world.join(person, group);
  await t.world.allow(caller.id, group, 'MANAGE');
  await t.world.allow(c.idOf(administrator), group, 'MANAGE');
  await t.signIn(caller, person);
  ids = {
    '/groups/:id': group,
    '/people/:id': person,
    '/clients/:id': (await newClient(t, organizationId)).id,
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
