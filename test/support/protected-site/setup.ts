import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { cookieOf, TestApp } from '../app.js';
import type { Answer } from '../app.js';
import { launchChromium } from '../chromium.js';
import { EchoApplication } from '../echo-application.js';
import { freePort } from '../free-port.js';
import { LOCAL_NAMES, serveHttps } from '../https-sites.js';
import { servePages } from '../pages.js';
import type { Proxy } from '../proxy.js';
import { raw } from '../raw.js';
import type { TestCaller } from '../world.js';

/** Open to everybody, by the recipe in docs/proxies.md. */
export const OPEN_PATH = '/payment/return';
export const PAGE = { accept: 'text/html', 'sec-fetch-dest': 'document' };

/** Ports of 127.0.0.1. */
export interface Ports {
  site: number;
  latchkey: number;
  application: number;
}

export let t: TestApp;
export let application: EchoApplication;
export let browser: Browser;
/** The public URL, and a second site of the same client on another host. */
export let site: string;
export let otherSite: string;
/** Another site that may frame the first one, and one that may not. */
export let host: string;
export let stranger: string;
export let caller: TestCaller;
/** A new one for each test. */
export let user: string;
let proxy: Pick<Proxy, 'stop'>;
let pages: Awaited<ReturnType<typeof servePages>>;
let https: Proxy;
let isAway: boolean;

/** Starts everything for the tests of a block: Latchkey, the application, the proxy before both, and a browser. */
export function setUp(startProxy: (ports: Ports) => Promise<Pick<Proxy, 'stop'>>): void {
  beforeAll(async () => {
    isAway = false;
    const [port, latchkey] = [await freePort(), await freePort()];
    site = `https://localhost:${port}`;
    otherSite = `https://127.0.0.1:${port}`;
    const settings = { PUBLIC_URL: site, TRUSTED_PROXIES: '127.0.0.1', PREFLIGHT_SITES: site };
    t = await TestApp.start(settings, latchkey);
    application = await EchoApplication.start();
    proxy = await startProxy({ site: port, latchkey, application: application.port });
    pages = await servePages();
    const pagesPort = await freePort();
    [host, stranger] = [`https://host.test:${pagesPort}`, `https://stranger.test:${pagesPort}`];
    https = await serveHttps({ [host]: pages.port, [stranger]: pages.port }, await freePort());
    browser = await launchChromium([LOCAL_NAMES, '--test-third-party-cookie-phaseout']);
    caller = await t.world.caller({ origins: [otherSite, host] });
  });
  afterAll(async () => {
    await browser?.close();
    await proxy?.stop();
    await https?.stop();
    pages?.server.close();
    await application?.stop();
    await t?.stop();
  });
  beforeEach(async () => {
    if (isAway) return;
    ({ id: user } = await t.world.userOf(caller, { name: 'Zoë Åkerström' }));
    application.seen.length = 0;
  });
}

/** Ends Latchkey. No test can sign in after this. */
export async function endLatchkey(): Promise<void> {
  await t.stop();
  isAway = true;
}

export function ask(path: string, headers: Record<string, string | string[]> = {}, method = 'GET'): Promise<Answer> {
  return raw(site, path, { method, headers: { ...PAGE, ...headers } });
}

export async function signIn(): Promise<string> {
  return cookieOf(await ask(`/?oauth_token=${await t.loginToken(caller, user)}`));
}

/** The identity as a program receives it that treats `_` like `-`. */
export function identity(): Record<string, string[]> {
  const told: Record<string, string[]> = {};
  for (const [name, value] of application.last.headers)
    if (/latchkey/i.test(name)) (told[name.toLowerCase().replaceAll('_', '-')] ??= []).push(value);
  return told;
}
