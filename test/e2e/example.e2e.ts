import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { launchChromium } from '../support/chromium.js';
import { freePort } from '../support/free-port.js';

/** Set, the pictures of the README are taken again. */
const { SCREENSHOTS } = process.env;

/** How soon an application hears of a logout. */
const HEARD_OF_MS = 2_000;

let example: ChildProcess;
let browser: Browser;
let data: string;
let host: string;
let site: string;
let wiki: string;

beforeAll(async () => {
  const ports = SCREENSHOTS ? [4000, 8080] : [await freePort(), await freePort()];
  [host, site] = ports.map((port) => `http://localhost:${port}`) as [string, string];
  const wikiPort = await freePort();
  wiki = `http://localhost:${wikiPort}`;
  data = mkdtempSync(join(tmpdir(), 'latchkey-data-'));
  const options = {
    'host-port': ports[0],
    port: ports[1],
    'site-port': await freePort(),
    'latchkey-port': await freePort(),
    'wiki-port': wikiPort,
    data,
  };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  example = spawn(process.execPath, ['examples/run.mjs', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise<void>((resolve, reject) => {
    example.once('exit', (code) => reject(new Error(`The example ended with ${code}.`)));
    example.stdout!.on('data', (text: Buffer) => text.includes('Ctrl+C') && resolve());
  });
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  if (example?.exitCode === null) {
    const ended = new Promise((resolve) => example.once('exit', resolve));
    example.kill('SIGTERM');
    await ended;
  }
  rmSync(data, { recursive: true, force: true });
});

async function picture(page: Page, name: string): Promise<void> {
  if (SCREENSHOTS) await page.screenshot({ path: `docs/images/${name}.png` });
}

describe('npm run example', () => {
  it('leads from the host system to the site, signed in, and out of it again', async () => {
    const page = await browser.newPage({ viewport: { width: 960, height: 440 } });
    const lesson = `${site}/course/first-aid?lesson=2`;
    await page.goto(lesson);
    expect(page.url()).toBe(`${host}/?return_to=${encodeURIComponent(lesson)}`);
    await picture(page, 'host');
    await page.getByRole('link', { name: 'Continue to the course' }).click();
    expect(page.url()).toBe(`${site}/course/first-aid?lesson=2`);
    expect(await page.textContent('header span')).toBe('Anna Jansen');
    expect(await page.textContent('table')).toContain('LMS$4711');
    await picture(page, 'site');
    await page.goto(`${host}/?user=chloe`);
    await page.getByRole('link', { name: 'Continue to the course' }).click();
    expect([page.url(), await page.textContent('header span')]).toEqual([
      `${site}/course/first-aid?lesson=2`,
      'Chloé Dubois',
    ]);
    await page.getByRole('button', { name: 'Log out' }).click();
    expect(page.url()).toBe(`${host}/?return_to=${encodeURIComponent(`${site}/`)}`);
    await page.goto(lesson);
    expect(page.url()).toBe(`${host}/?return_to=${encodeURIComponent(lesson)}`);
    await page.close();
  });

  it('leads from the host system into the application, signed in without a click, which ends with the session', async () => {
    const page = await browser.newPage({ viewport: { width: 960, height: 440 } });
    const asked: string[] = [];
    page.on('request', (request) => request.isNavigationRequest() && asked.push(request.url().split('?')[0]!));
    await page.goto(`${host}/?user=chloe`);
    await page.getByRole('link', { name: 'Open the handbook' }).click();
    expect([page.url(), await page.textContent('header span')]).toEqual([`${wiki}/first-aid`, 'Chloé Dubois']);
    expect(asked).toEqual([
      `${host}/`,
      `${host}/continue`,
      `${site}/login`,
      `${wiki}/oidc/login`,
      `${site}/oauth/authorize`,
      `${wiki}/oidc/callback`,
      `${wiki}/first-aid`,
    ]);
    await picture(page, 'application');
    // There is one session: the application hears that it has ended elsewhere.
    await page.goto(`${site}/course/first-aid?lesson=2`);
    await page.getByRole('button', { name: 'Log out' }).click();
    const end = Date.now() + HEARD_OF_MS;
    do await page.goto(`${wiki}/first-aid`);
    while ((await page.getByRole('link', { name: 'Sign in' }).count()) === 0 && Date.now() < end);
    expect(await page.getByRole('link', { name: 'Sign in' }).count()).toBe(1);
    await page.close();
  });

  it('shows at the host system why somebody is not let in', async () => {
    const page = await browser.newPage({ viewport: { width: 960, height: 440 } });
    await page.goto(`${host}/?user=eva`);
    await page.getByRole('link', { name: 'Continue to the course' }).click();
    expect(await page.getByRole('alert').textContent()).toContain('unknown_user');
    await picture(page, 'refused');
    await page.close();
  });

  it('shows a link that was used elsewhere as such', async () => {
    const { headers } = await fetch(`${host}/continue`, { redirect: 'manual' });
    await fetch(headers.get('location')!, { redirect: 'manual' });
    const page = await browser.newPage({ viewport: { width: 960, height: 440 } });
    await page.goto(headers.get('location')!);
    expect(await page.textContent('h1')).toBe('This link was already used');
    await picture(page, 'used');
    await page.close();
  });
});
