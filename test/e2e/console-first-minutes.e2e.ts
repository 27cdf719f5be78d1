import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { testEnvironment } from '../support/app.js';
import { launchChromium } from '../support/chromium.js';
import { ServiceBrowser, settled } from '../support/console.js';
import { createDatabase, dropDatabase } from '../support/database.js';
import { freePort } from '../support/free-port.js';
import { LOCAL_NAMES, serveHttps } from '../support/https-sites.js';
import { Instance } from '../support/instance.js';
import type { Proxy } from '../support/proxy.js';

const HEAD = 'head@harbour.example';
const PASSWORD = 'seventeen green umbrellas';
const WHOLE_STORY_MS = 240_000;
/** Caddy signs the certificate itself. */
const TRUSTING = { ignoreHTTPSErrors: true };

let c: ServiceBrowser;
let instance: Instance;
let proxy: Proxy;
/** The environment of the service and of its command line. */
let environment: Record<string, string>;

beforeAll(async () => {
  await createDatabase();
  const [port, https, ready] = [await freePort(), await freePort(), await freePort()];
  const service = `https://latchkey.test:${https}`;
  environment = { NODE_ENV: 'production', PUBLIC_URL: service, TRUSTED_PROXIES: '127.0.0.1', PORT: String(port) };
  instance = await Instance.start({ ...environment, HOST: '127.0.0.1' });
  proxy = await serveHttps({ [service]: port }, ready);
  c = new ServiceBrowser(service, await launchChromium([LOCAL_NAMES]));
});
afterAll(async () => {
  await c?.stop();
  await proxy?.stop();
  await instance?.stop();
  await dropDatabase();
});

/** Runs the built command line beside the service, and answers its output and its messages. */
function latchkey(input: string, ...args: string[]): string {
  return execFileSync('sh', ['-c', `"$0" "$@" 2>&1`, process.execPath, 'dist/cli.cjs', ...args], {
    env: { PATH: process.env.PATH, ...testEnvironment(environment) },
    input,
    encoding: 'utf8',
  });
}

async function newPerson(page: Page, name: string, emailAddress: string): Promise<string> {
  await c.go(page, '/console/people');
  await page.getByRole('button', { name: 'New person' }).click();
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel('E-mail address').fill(emailAddress);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { name, level: 1 }).waitFor();
  return new URL(page.url()).pathname;
}

async function pick(page: Page, reference: string): Promise<void> {
  await page
    .getByRole('dialog')
    .getByLabel(/^Person/)
    .fill(reference);
  await page.getByRole('option', { name: reference }).click();
}

it(
  'an administrator on an empty database: a group, a colleague who lets its members in, and why another is refused',
  async () => {
    expect(instance.output.join('\n')).toContain('There is no organization yet.');
    const made = latchkey(
      '',
      'organizations',
      'create',
      'Harbour School',
      '--admin-email',
      HEAD,
      '--admin-name',
      'Hanne',
    );
    expect(made).toContain(`password --user ${HEAD}`);
    expect(latchkey(`${PASSWORD}\n`, 'password', '--user', HEAD)).toContain(`Hanne signs in at ${c.service}/console`);
    const page = await c.open('/console', HEAD, TRUSTING, PASSWORD);
    await c.go(page, '/console/groups');
    await page.getByRole('button', { name: 'New group' }).click();
    await page.getByLabel('Name', { exact: true }).fill('Class 2B');
    await page.getByLabel('Description').fill('The second year');
    await page.getByRole('button', { name: 'Save' }).click();
    const pia = await newPerson(page, 'Pia Pupil', 'pia@first.example');
    const otto = await newPerson(page, 'Otto Other', 'otto@first.example');
    const carla = await newPerson(page, 'Carla Colleague', 'carla@first.example');
    await page.getByRole('button', { name: 'Make a password link' }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Make a password link' }).click();
    const link = (await page.locator('pre').textContent())!;

    await c.go(page, '/console/groups');
    await page.getByRole('link', { name: 'Class 2B' }).click();
    await page.getByRole('button', { name: 'Add a member' }).click();
    await pick(page, 'pia@first.example');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('link', { name: 'Pia Pupil' }).waitFor();
    const group = new URL(page.url()).pathname;

    await c.go(page, '/console/staff');
    await page.getByRole('button', { name: 'Add to the staff' }).click();
    await pick(page, 'carla@first.example');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('button', { name: 'Give a permission: Carla Colleague' }).click();
    await page.getByLabel('Permission', { exact: true }).selectOption({ label: 'Let people in' });
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('row', { name: 'Carla' }).getByText('Let people in').waitFor();

    await c.go(page, group);
    await page.getByRole('button', { name: 'Give a right on the group' }).click();
    await pick(page, 'carla@first.example');
    await page.getByLabel('Right', { exact: true }).selectOption({ label: 'Manage' });
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('link', { name: 'Carla Colleague' }).waitFor();

    const hers = await c.newPage(TRUSTING);
    await hers.goto(link);
    await hers.locator('input[name=password]').fill(PASSWORD);
    await hers.locator('input[name=again]').fill(PASSWORD);
    await hers.locator('form:has(input[name=again]) button').first().click();
    await hers.goto(`${c.service}/console`);
    await c.signIn(hers, 'carla@first.example', PASSWORD);
    await hers.getByRole('link', { name: 'Class 2B' }).click();
    await hers.getByRole('link', { name: 'Pia Pupil' }).click();
    await hers.getByRole('button', { name: 'Make a link' }).click();
    await hers.getByRole('dialog').getByLabel('Reason').fill('She called and can’t see her lesson');
    await hers.getByRole('dialog').getByRole('button', { name: 'Make a link' }).click();
    const letIn = (await hers.locator('pre').textContent())!;
    const pupil = await c.newPage(TRUSTING);
    await pupil.goto(letIn);
    await pupil.locator('form button').first().click();
    await pupil.getByText('Pia Pupil').first().waitFor();

    // Another one is in no group that she manages. She is refused, and the administrator finds out why.
    await c.go(hers, `/console/why?user=${otto.split('/').at(-1)}`);
    await hers.getByText('The person is not a member of a group that whoever lets in manages.').waitFor();
    await hers.getByText('Add the person to Class 2B.').waitFor();
    await c.go(page, `/console/why?user=${otto.split('/').at(-1)}&caller=${carla.split('/').at(-1)}`);
    await page.getByText('Add Otto Other to Class 2B.').waitFor();

    // The person's page says what the person is in.
    await c.go(page, pia);
    await settled(page);
    await page.getByRole('row', { name: 'Class 2B' }).getByText('Member').waitFor();
    expect(c.wrongs).toEqual({ violations: [], foreign: [], failures: [] });
  },
  WHOLE_STORY_MS,
);
