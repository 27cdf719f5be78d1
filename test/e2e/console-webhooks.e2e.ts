import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import type { Permission } from '../../src/schema/entities/account-permission.entity.js';
import type { TestCaller } from '../support/world.js';
import { confirm, ConsoleBrowser, faults, NARROW, widthOf } from '../support/console.js';
import { isSignedBy, newWebhook, WebhookReceiver } from '../support/webhook-receiver.js';

const ALL: Permission[] = ['MANAGE_SERVICE_ACCOUNTS', 'VIEW_AUDIT_LOG'];

let c: ConsoleBrowser;
let administrator: string;
let caller: TestCaller;
let receiver: WebhookReceiver;

beforeAll(async () => {
  c = await ConsoleBrowser.start();
  administrator = await c.person(...ALL);
  caller = await c.t.world.caller({ organizationId: c.organizationId, permissions: ALL });
  receiver = await WebhookReceiver.start();
});
afterAll(async () => {
  await receiver?.stop();
  await c?.stop();
});
afterEach(() => c.closePages());

async function shown(id: string): Promise<Record<string, unknown>> {
  return (await c.t.as(caller)(`/webhook/${id}`)).body;
}

function idOf(page: Page): string {
  return new URL(page.url()).pathname.split('/').at(-1)!;
}

it('an administrator adds a webhook, tries it, replaces its key, disables and enables it, and deletes it', async () => {
  const page = await c.open('/console/webhooks', administrator);
  await page.getByText('There are no webhooks yet.').waitFor();
  await page.getByRole('button', { name: 'Add a webhook' }).press('Enter');
  await page.getByLabel('Address').fill('http://receiver.example/');
  await page.getByLabel('Description').fill('Reports');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('alert').waitFor();
  await page.getByLabel('Address').fill(receiver.url);
  await page.getByLabel('Events').fill('SESSION_ENDED\nWEBHOOK_CHANGED');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { name: 'Key of Reports' }).waitFor();
  expect(await faults(page)).toEqual([]);
  const key = (await page.locator('pre').textContent())!;
  expect(key).toMatch(/^whpk_/);
  await page.getByRole('button', { name: 'I have it' }).click();
  await page.getByRole('heading', { name: 'Reports', level: 1 }).waitFor();
  const id = idOf(page);
  await page.getByRole('button', { name: 'Send a test' }).click();
  await page.getByText('The receiver has taken it. Its status: 204.').waitFor();
  expect(isSignedBy(key, receiver.received[0]!)).toBe(true);
  await confirm(page, 'Replace the key');
  await page.getByRole('heading', { name: 'Key of Reports' }).waitFor();
  const another = (await page.locator('pre').textContent())!;
  expect((await shown(id)).keys).toEqual([
    expect.objectContaining({ publicKey: another }),
    expect.objectContaining({ publicKey: key, signsUntil: expect.any(String) }),
  ]);
  await page.getByRole('button', { name: 'I have it' }).click();
  await confirm(page, 'Disable');
  await page.getByRole('button', { name: 'Enable', exact: true }).waitFor();
  expect(await shown(id)).toMatchObject({ status: 'DISABLED', disabledReason: 'BY_ADMINISTRATOR' });
  await confirm(page, 'Enable');
  await page.getByRole('button', { name: 'Disable', exact: true }).waitFor();
  await page.getByRole('button', { name: 'Send again', exact: true }).click();
  await page.getByLabel('From').fill('2026-01-11T00:00');
  await page.getByRole('dialog').getByRole('button', { name: 'Send again' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await receiver.events(2);
  await confirm(page, 'Delete');
  await page.getByText('There are no webhooks yet.').waitFor();
});

it('the page says why a webhook is disabled', async () => {
  const gone = await WebhookReceiver.start();
  gone.answer = (response) => response.writeHead(410).end();
  const { id } = await newWebhook(c.t, caller, { url: gone.url });
  for (let n = 0; n < 100 && (await shown(id)).status === 'ENABLED'; n++)
    await new Promise((resolve) => setTimeout(resolve, 200));
  const page = await c.open(`/console/webhooks/${id}`, administrator);
  await page.getByText('Disabled: the receiver wants no more events').waitFor();
  await page.getByText('It answers with status 410.').waitFor();
  expect(await page.getByRole('button', { name: 'Enable', exact: true }).count()).toBe(1);
  await gone.stop();
  await c.t.send(caller, 'DELETE', `/webhook/${id}`);
});

it('a failed test says what the receiver said', async () => {
  const { id } = await newWebhook(c.t, caller, { url: 'http://127.0.0.1:1/', status: 'DISABLED' });
  const page = await c.open(`/console/webhooks/${id}`, administrator);
  await page.getByRole('button', { name: 'Send a test' }).click();
  await page.getByText('It was not taken.').waitFor();
  expect(await page.getByRole('status').textContent()).toContain('ECONNREFUSED');
  await c.t.send(caller, 'DELETE', `/webhook/${id}`);
});

it.each(NARROW)('the pages need no scrolling sideways in %s', async (_, viewport) => {
  const { id } = await newWebhook(c.t, caller, {
    url: `https://receiver.example/${'x'.repeat(200)}`,
    status: 'DISABLED',
  });
  const page = await c.open('/console/webhooks', administrator, { viewport });
  for (const path of ['/console/webhooks', `/console/webhooks/${id}`]) {
    await c.go(page, path);
    expect({ path, width: await widthOf(page) }).toEqual({ path, width: viewport.width });
  }
  await c.t.send(caller, 'DELETE', `/webhook/${id}`);
});

it.each(ALL)('the pages are not for somebody without %s', async (lacking) => {
  const page = await c.open('/console', await c.person(...ALL.filter((one) => one !== lacking)));
  expect(await page.getByRole('link', { name: 'Webhooks' }).count()).toBe(0);
  await c.go(page, '/console/webhooks');
  await page.getByRole('heading', { name: 'There is no page here for you' }).waitFor();
});
