import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Browser, BrowserContext, Frame, Page } from 'playwright-core';
import { TestApp } from '../support/app.js';
import { launchChromium } from '../support/chromium.js';
import { freePort } from '../support/free-port.js';
import { LOCAL_NAMES, serveHttps } from '../support/https-sites.js';
import { servePages } from '../support/pages.js';
import type { Proxy } from '../support/proxy.js';
import type { TestCaller } from '../support/world.js';

/** A frame that is refused shows a page of the browser's own. */
const REFUSED = 'chrome-error://chromewebdata/';

let t: TestApp;
let pages: Awaited<ReturnType<typeof servePages>>;
let proxy: Proxy;
let browser: Browser;
let context: BrowserContext;
let caller: TestCaller;
let user: string;
/** The service; a host on another site, one on the service's own; and one that the client has not registered. */
let service: string;
let host: string;
let neighbour: string;
let stranger: string;
let control: string;

beforeAll(async () => {
  const [port, ready, appPort] = [await freePort(), await freePort(), await freePort()];
  [service, host, neighbour, stranger, control] = [
    'login.site.test',
    'host.test',
    'host.site.test',
    'stranger.test',
    'control.test',
  ].map((name) => `https://${name}:${port}`) as [string, string, string, string, string];
  t = await TestApp.start({ PUBLIC_URL: service }, appPort);
  pages = await servePages();
  const sites = [host, neighbour, stranger, control].map((origin) => [origin, pages.port]);
  proxy = await serveHttps({ [service]: { '/frame': pages.port, '/*': appPort }, ...Object.fromEntries(sites) }, ready);
  browser = await launchChromium([
    LOCAL_NAMES,
    '--test-third-party-cookie-phaseout',
    '--disable-blink-features=AutomationControlled',
  ]);
});
afterAll(async () => {
  await browser?.close();
  await proxy?.stop();
  pages?.server.close();
  await t?.stop();
});
beforeEach(async () => {
  t.clock.reset();
  context = await browser.newContext({ ignoreHTTPSErrors: true });
  caller = await t.world.caller({ origins: [host, neighbour] });
  ({ id: user } = await t.world.userOf(caller, { name: 'Noor de Vries' }));
});
afterEach(() => context.close());

async function linkFor(origin: string, who = user, query = ''): Promise<string> {
  const { status, body, text } = await t.as(caller)(`/access/${who}?embed=${encodeURIComponent(origin)}${query}`);
  if (status !== 200) throw new Error(text);
  return body.url;
}

/** A page of `origin` with `src` in its frame, and that frame. */
async function embed(origin: string, src: string, page?: Page): Promise<{ page: Page; frame: Frame }> {
  const tab = page ?? (await context.newPage());
  await tab.goto(`${origin}/frame?src=${encodeURIComponent(src)}`);
  await tab.waitForLoadState('networkidle');
  return { page: tab, frame: tab.frames()[1]! };
}

function sessionsOf(userId: string): Promise<number> {
  return t.world.sessionsOf(userId);
}

async function another(): Promise<string> {
  return (await t.world.userOf(caller, { name: 'Sem Bakker' })).id;
}

describe('this browser', () => {
  it('keeps no ordinary cookie of a frame on another site, though it does in a window and keeps a partitioned one', async () => {
    const cookies = `${control}/cookies`;
    await embed(host, cookies);
    expect(await (await embed(host, cookies)).frame.textContent('h1')).toBe('partitioned=1');
    const page = await context.newPage();
    await page.goto(cookies);
    await page.goto(cookies);
    expect((await page.textContent('h1'))!.split('; ').toSorted()).toEqual(['ordinary=1', 'partitioned=1']);
    expect(await (await embed(host, cookies)).frame.textContent('h1')).toBe('partitioned=1');
  });
});

async function ordinaryLink(): Promise<string> {
  const { body } = await t.as(caller)(`/access/${user}?returnTo=${encodeURIComponent('/frame?src=about:blank')}`);
  return body.url;
}

describe('an ordinary token', () => {
  it('signs in inside of a frame on the service’s own site, without a click', async () => {
    const { frame } = await embed(service, await ordinaryLink());
    await frame.waitForURL(`${service}/frame?src=about:blank`);
    expect(await sessionsOf(user)).toBe(1);
  });

  it.each(['in a frame of another site', 'in a frame of the service inside of one of another site'])(
    'is not used up %s',
    async (where) => {
      const url = await ordinaryLink();
      const isNested = where.includes('inside');
      const { page } = await embed(host, isNested ? `${service}/frame?src=${encodeURIComponent(url)}` : url);
      expect(page.frames().at(-1)!.url()).toBe(REFUSED);
      expect(await sessionsOf(user)).toBe(0);
      await page.goto(url);
      expect(page.url()).toBe(`${service}/frame?src=about:blank`);
      expect(await sessionsOf(user)).toBe(1);
    },
  );
});

describe('a frame on the origin of its token', () => {
  it('is signed in, and still is when it is loaded again', async () => {
    const { frame, page } = await embed(host, await linkFor(host));
    expect([frame.url(), await frame.textContent('h1')]).toEqual([`${service}/`, 'You are signed in']);
    const again = await embed(host, `${service}/`, page);
    expect(await again.frame.textContent('h1')).toBe('You are signed in');
    const elsewhere = await embed(host, `${service}/`);
    expect(await elsewhere.frame.textContent('dd')).toBe('Noor de Vries');
    expect(await sessionsOf(user)).toBe(1);
  });

  it('ends its session with its own button, and says so', async () => {
    const { frame, page } = await embed(host, await linkFor(host));
    await frame.getByRole('button', { name: 'Log out', exact: true }).click();
    await frame.getByRole('heading', { name: 'You are not signed in' }).waitFor();
    expect((await embed(host, `${service}/`, page)).frame.url()).toBe(REFUSED);
  });

  it('waits for its button with a link, also where a window would not', async () => {
    const { frame } = await embed(host, await linkFor(host, user, '&delivery=link'));
    expect([await frame.textContent('h1'), await sessionsOf(user)]).toEqual(['One more step', 0]);
    await frame.getByRole('button', { name: 'Continue' }).click();
    await frame.getByRole('heading', { name: 'You are signed in' }).waitFor();
  });

  it('asks inside of itself', async () => {
    await embed(host, await linkFor(host, await another()));
    const { frame } = await embed(host, await linkFor(host, user, '&session=ask'));
    expect(await frame.textContent('h1')).toBe('Continue as somebody else?');
    await frame.getByRole('button', { name: 'Continue as Noor de Vries' }).click();
    await frame.getByRole('heading', { name: 'You are signed in' }).waitFor();
    expect(await frame.textContent('dd')).toBe('Noor de Vries');
  });

  it('says when its link was used', async () => {
    const url = await linkFor(host);
    const first = await browser.newContext({ ignoreHTTPSErrors: true });
    await embed(host, url, await first.newPage());
    await first.close();
    expect(await (await embed(host, url)).frame.textContent('h1')).toBe('This link was already used');
  });

  it('is another browser than a window: neither has the session of the other', async () => {
    await embed(host, await linkFor(host));
    const page = await context.newPage();
    await page.goto(`${service}/`);
    expect(await page.textContent('h1')).toBe('You are not signed in');
    await page.goto((await t.as(caller)(`/access/${await another()}`)).body.url);
    expect(await page.textContent('dd')).toBe('Sem Bakker');
    expect(await (await embed(host, `${service}/`)).frame.textContent('dd')).toBe('Noor de Vries');
    await page.getByRole('button', { name: 'Log out', exact: true }).click();
    expect(await (await embed(host, `${service}/`)).frame.textContent('dd')).toBe('Noor de Vries');
  });

  it('is another browser than a window on the service’s own site too, where the window’s browser has the cookies of both', async () => {
    const { frame } = await embed(neighbour, await linkFor(neighbour));
    expect(await frame.textContent('dd')).toBe('Noor de Vries');
    const page = await context.newPage();
    const [request] = await Promise.all([page.waitForRequest(`${service}/`), page.goto(`${service}/`)]);
    expect((await request.allHeaders()).cookie).toContain('__Host-latchkey-embed=');
    expect(await page.textContent('h1')).toBe('You are not signed in');
    await page.goto((await t.as(caller)(`/access/${await another()}`)).body.url);
    expect(await page.textContent('dd')).toBe('Sem Bakker');
    expect(await (await embed(neighbour, `${service}/`)).frame.textContent('dd')).toBe('Noor de Vries');
  });
});

describe('a frame elsewhere', () => {
  it('is refused, and what it may have started is in no frame', async () => {
    const { frame, page } = await embed(stranger, await linkFor(host));
    expect(frame.url()).toBe(REFUSED);
    expect((await embed(stranger, `${service}/`, page)).frame.url()).toBe(REFUSED);
    const hosts = await embed(host, `${service}/`);
    expect(hosts.frame.url()).toBe(REFUSED);
  });

  it('is refused with a link, and uses nothing up', async () => {
    const url = await linkFor(host, user, '&delivery=link');
    expect((await embed(stranger, url)).frame.url()).toBe(REFUSED);
    expect(await sessionsOf(user)).toBe(0);
    expect(await (await embed(host, url)).frame.textContent('h1')).toBe('One more step');
  });

  it('is refused with the session of the right one', async () => {
    await embed(host, await linkFor(host));
    for (const origin of [stranger, neighbour]) expect((await embed(origin, `${service}/`)).frame.url()).toBe(REFUSED);
  });

  it('is refused with the question, so that nobody is made to click on it', async () => {
    const page = await context.newPage();
    await page.goto((await t.as(caller)(`/access/${await another()}`)).body.url);
    const { body } = await t.as(caller)(`/access/${user}?session=ask`);
    for (const origin of [neighbour, host, stranger]) expect((await embed(origin, body.url)).frame.url()).toBe(REFUSED);
    await page.goto(`${service}/`);
    expect(await page.textContent('dd')).toBe('Sem Bakker');
  });

  it('is refused in a window', async () => {
    const page = await context.newPage();
    await page.goto(await linkFor(host));
    expect(await page.textContent('p')).toContain('only works inside the site');
    expect(await sessionsOf(user)).toBe(0);
  });
});
