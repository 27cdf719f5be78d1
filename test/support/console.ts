import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import type { Permission } from '../../src/schema/entities/account-permission.entity.js';
import { TestApp } from './app.js';
import { launchChromium } from './chromium.js';
import { freePort } from './free-port.js';
import { newPerson, PASSWORD } from './oauth.js';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** Milliseconds for one step, on a machine that does much else. */
export const PATIENCE_MS = 20_000;
/** Milliseconds between two looks at a page. */
const STEP_MS = 50;
/** The windows in which nothing may have to be scrolled sideways. */
export const NARROW: [string, { width: number; height: number }][] = [
  ['a narrow window', { width: 320, height: 640 }],
  ['a phone', { width: 390, height: 844 }],
  ['a window at 200 %', { width: 640, height: 400 }],
];

/** The console of a service in Chromium, which reports everything that the console must not do. */
export class ServiceBrowser {
  /** What the policy refused, what was asked of other origins, and what failed in the scripts, in all pages. */
  readonly wrongs = { violations: [] as string[], foreign: [] as string[], failures: [] as string[] };
  private readonly contexts: BrowserContext[] = [];

  constructor(
    /** The address of the service, without a slash at the end. */
    readonly service: string,
    private readonly browser: Browser,
  ) {}

  async stop(): Promise<void> {
    await this.browser.close();
  }

  async closePages(): Promise<void> {
    await Promise.all(this.contexts.splice(0).map((context) => context.close()));
  }

  /** A page in a browser of its own. */
  async newPage(options: BrowserContextOptions = {}): Promise<Page> {
    const { violations, foreign, failures } = this.wrongs;
    const context = await this.browser.newContext({ locale: 'en', ...options });
    this.contexts.push(context);
    await context.exposeFunction('reportViolation', (violation: string) => violations.push(violation));
    await context.addInitScript(
      `addEventListener('securitypolicyviolation', (event) => reportViolation(event.violatedDirective + ' ' + event.blockedURI))`,
    );
    context.on('request', (request) => {
      const { origin, protocol } = new URL(request.url());
      if (origin !== this.service && protocol !== 'data:') foreign.push(request.url());
    });
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    page.on('pageerror', (error) => failures.push(String(error)));
    return page;
  }

  /** Opens a page of the console as somebody who has to sign in first. */
  async open(
    path: string,
    emailAddress: string,
    options: BrowserContextOptions = {},
    password = PASSWORD,
  ): Promise<Page> {
    const page = await this.newPage(options);
    await page.goto(this.service + path);
    await this.signIn(page, emailAddress, password);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.waitForURL((url) => url.pathname.startsWith('/console'));
    return page;
  }

  async signIn(page: Page, emailAddress: string, password = PASSWORD): Promise<void> {
    // The page is in the language of the browser.
    await page.locator('input[name=email]').fill(emailAddress);
    await page.locator('input[name=password]').fill(password);
    await page.locator('form:has(input[name=password]) button[type=submit]').click();
  }

  /** Opens a page in the window that is open. */
  async go(page: Page, path: string): Promise<void> {
    await page.goto(this.service + path);
    await settled(page);
  }

  /** What a browser loads that opens a page first, in bytes of gzip. It has the session of another page. */
  async sizesOf(page: Page, path: string): Promise<{ scripts: number; styles: number }> {
    const fresh = await this.newPage();
    await fresh.context().addCookies(await page.context().cookies());
    const files = filesOf(fresh);
    await this.go(fresh, path);
    return { scripts: sizeOf(files, '.js'), styles: sizeOf(files, '.css') };
  }
}

/** The console of an organization of its own. */
export class ConsoleBrowser extends ServiceBrowser {
  private readonly ids = new Map<string, string>();

  private constructor(
    readonly t: TestApp,
    service: string,
    readonly organizationId: string,
    browser: Browser,
  ) {
    super(service, browser);
  }

  static async start(settings: Record<string, string> = {}): Promise<ConsoleBrowser> {
    const port = await freePort();
    const service = `http://localhost:${port}`;
    const t = await TestApp.start({ PUBLIC_URL: service, ...settings }, port);
    return new ConsoleBrowser(t, service, await t.world.organization(), await launchChromium());
  }

  override async stop(): Promise<void> {
    await super.stop();
    await this.t.stop();
  }

  /** An account with a password. Resolves to its e-mail address. */
  async person(...permissions: Permission[]): Promise<string> {
    const { id, emailAddress } = await newPerson(this.t, this.organizationId);
    if (permissions.length > 0) await this.t.world.grant(id, ...permissions);
    this.ids.set(emailAddress, id);
    return emailAddress;
  }

  idOf(emailAddress: string): string {
    return this.ids.get(emailAddress)!;
  }
}

/** The files of the console that a page loads from now on. */
export function filesOf(page: Page): string[] {
  const files: string[] = [];
  page.on('response', (response) => {
    const { pathname } = new URL(response.url());
    if (pathname.startsWith('/console/assets/')) files.push(pathname);
  });
  return files;
}

/** The bytes of gzip of the files with an extension. */
export function sizeOf(files: string[], extension: string): number {
  return files
    .filter((path) => path.endsWith(extension))
    .map((path) => statSync(`dist${path}.gz`).size)
    .reduce((sum, bytes) => sum + bytes, 0);
}

/** The names of the rows of the tables. */
export async function namesIn(page: Page): Promise<string[]> {
  await page.locator('table:not([aria-busy=true])').first().waitFor();
  return page.getByRole('rowheader').allTextContents();
}

/** Waits until a page is complete. */
export async function settled(page: Page): Promise<void> {
  await page.getByRole('heading', { level: 1 }).waitFor();
  await loaded(page);
}

/** Waits until nothing is loading, also in a dialog, behind which the page has no headings. */
export async function loaded(page: Page): Promise<void> {
  // `waitForFunction` would evaluate a text in the page, which the policy refuses.
  while ((await page.locator(':text("Loading …"), table[aria-busy=true]').count()) > 0)
    await page.waitForTimeout(STEP_MS);
}

/** The faults that axe-core finds, by rule. */
export async function faults(page: Page): Promise<{ id: string; nodes: string[] }[]> {
  await page.evaluate(AXE);
  const { violations: found } = (await page.evaluate('axe.run()')) as AxeResults;
  return found.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html }) => html) }));
}

/** The width of a page in pixels, also of what is outside of the window. */
export async function widthOf(page: Page): Promise<number> {
  return (await page.evaluate('document.documentElement.scrollWidth')) as number;
}

/** Presses a button and the one in the question after it. `opener` is the name of the first, if it is another. */
export async function confirm(page: Page, name: string, opener = name): Promise<void> {
  await page.getByRole('button', { name: opener, exact: true }).click();
  await page.getByRole('alertdialog').getByRole('button', { name, exact: true }).click();
}
