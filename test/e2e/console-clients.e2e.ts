import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { BrowserContextOptions, Page } from 'playwright-core';
import type { Permission } from '../../src/schema/entities/account-permission.entity.js';
import type { Answer } from '../support/app.js';
import type { TestCaller } from '../support/world.js';
import { confirm, ConsoleBrowser, faults, NARROW, namesIn, settled, widthOf } from '../support/console.js';

const ALL: Permission[] = ['MANAGE_USERS', 'CREATE_GROUPS', 'MANAGE_STAFF', 'MANAGE_SERVICE_ACCOUNTS'];
/** A site that the operator has set. */
const OWNED = 'https://learn.school.example';

let c: ConsoleBrowser;
let administrator: string;
let caller: TestCaller;
let clientId: string;
let serviceAccountId: string;

beforeAll(async () => {
  c = await ConsoleBrowser.start();
  administrator = await c.person(...ALL);
  caller = await c.t.world.caller({ organizationId: c.organizationId, permissions: ALL });
  await c.t.world.origin(c.organizationId, OWNED);
  clientId = (await api('POST', 'clients', { name: 'Library' })).id;
  serviceAccountId = (await api('POST', 'service-accounts', { name: 'Timetable' })).id;
  const { publicKey } = generateKeyPairSync('ed25519');
  await api('POST', `service-account/${serviceAccountId}/keys`, {
    publicKey: String(publicKey.export({ type: 'spki', format: 'pem' })),
  });
  await api('POST', 'origins', { origin: 'https://claimed.school.example' });
});
afterAll(() => c?.stop());
afterEach(() => c.closePages());

function open(path: string, options: BrowserContextOptions = {}): Promise<Page> {
  return c.open(path, administrator, options);
}

/** Calls the API as somebody with the same rights. */
async function api(method: string, path: string, body?: unknown): Promise<Answer['body']> {
  const answer = await c.t.as(caller)(`/${path}`, {
    method,
    ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  expect({ path, status: answer.status, text: answer.text }).toMatchObject({ status: 200 });
  return answer.body;
}

function pages(): string[] {
  return ['/console/clients', `/console/clients/${clientId}`, `/console/service-accounts/${serviceAccountId}`];
}

/** Everything that the page sends from now on. */
function requestsOf(page: Page): string[] {
  const sent: string[] = [];
  page.on('request', (request) => sent.push(`${request.url()} ${request.postData() ?? ''}`));
  return sent;
}

/** Downloads what is shown once. */
async function downloaded(page: Page): Promise<string> {
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download' }).click(),
  ]);
  return readFile(await download.path(), 'utf8');
}

describe('the pages of clients and service accounts', () => {
  it.each(['light', 'dark'] as const)('have no fault that axe-core finds, in %s', async (colorScheme) => {
    const page = await open('/console/clients', { colorScheme });
    for (const path of pages()) {
      await c.go(page, path);
      expect({ path, faults: await faults(page) }).toEqual({ path, faults: [] });
    }
    await c.go(page, `/console/clients/${clientId}`);
    for (const button of ['Edit', 'Edit the sign-in', 'New secret', 'Make a key', 'Add a public key']) {
      await page.getByRole('button', { name: button, exact: true }).click();
      await page.getByRole('button', { name: 'Cancel' }).waitFor();
      expect({ button, faults: await faults(page) }).toEqual({ button, faults: [] });
      await page.getByRole('button', { name: 'Cancel' }).click();
    }
  });

  it.each(NARROW)('need no scrolling sideways in %s', async (_, viewport) => {
    const page = await open('/console/clients', { viewport });
    for (const path of pages()) {
      await c.go(page, path);
      expect({ path, width: await widthOf(page) }).toEqual({ path, width: viewport.width });
    }
  });

  it('load at most 130 kB of scripts and 12 kB of styles', async () => {
    const page = await open('/console/clients');
    for (const path of pages()) {
      const { scripts, styles } = await c.sizesOf(page, path);
      const isSmall = scripts > 60_000 && scripts <= 130_000 && styles <= 12_000;
      expect({ path, scripts, styles, isSmall }).toEqual({ path, scripts, styles, isSmall: true });
    }
  });

  it('are not for somebody without the permission', async () => {
    const page = await c.open('/console', await c.person('MANAGE_USERS'));
    expect(await page.getByRole('link', { name: 'Clients' }).count()).toBe(0);
    for (const path of pages()) {
      await c.go(page, path);
      await page.getByRole('heading', { name: 'There is no page here for you' }).waitFor();
    }
  });

  it('register a client by keyboard, show its secret once, and change it', async () => {
    const page = await open('/console/clients');
    await page.getByRole('button', { name: 'New application' }).press('Enter');
    await page.getByLabel('Name').pressSequentially('Portal');
    await page.keyboard.press('Tab');
    await page.keyboard.type('ftp://portal.example');
    await page.getByRole('button', { name: 'Save' }).press('Enter');
    await page.getByRole('alert').getByText('A redirect URI is not allowed.').waitFor();
    await page.getByLabel('Redirect URIs').fill('https://portal.example/callback\nhttps://portal.example/other');
    await page.getByRole('checkbox', { name: OWNED }).press('Space');
    await page.getByRole('button', { name: 'Save' }).press('Enter');
    await page.getByRole('heading', { name: 'Secret of Portal' }).waitFor();
    expect(await faults(page)).toEqual([]);
    const secret = await downloaded(page);
    await page.getByRole('button', { name: 'I have it' }).click();
    await page.getByRole('heading', { name: 'Portal', level: 1 }).waitFor();
    const id = new URL(page.url()).pathname.split('/').at(-1)!;
    expect(await page.getByRole('main').textContent()).not.toContain(secret);
    await expectAuthenticates(id, secret, true);
    const { redirectUris, origins, isPublic } = await api('GET', `client/${id}`);
    expect({ redirectUris, origins, isPublic }).toEqual({
      redirectUris: ['https://portal.example/callback', 'https://portal.example/other'],
      origins: [OWNED],
      isPublic: false,
    });
    await page.getByRole('button', { name: 'Edit', exact: true }).click();
    await page.getByLabel('Name').fill('Gateway');
    await page.getByLabel('Redirect URIs').fill('');
    await page.getByLabel('Site that shows pages in a frame').selectOption(OWNED);
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('heading', { name: 'Gateway', level: 1 }).waitFor();
    expect(await api('GET', `client/${id}`)).toMatchObject({ name: 'Gateway', redirectUris: [], embedOrigin: OWNED });
    await confirm(page, 'New secret');
    const another = await downloaded(page);
    await expectAuthenticates(id, another, true);
    const first = (await api('GET', `client/${id}`)).secrets.at(-1).id;
    await confirm(page, 'Delete', `Delete ${first}`);
    await page.getByRole('row').nth(2).waitFor({ state: 'detached' });
    const works = await Promise.all([secret, another].map((one) => authenticates(id, one)));
    expect(works.toSorted()).toEqual([false, true]);
    await confirm(page, 'Delete');
    await page.getByRole('heading', { name: 'Clients', level: 1 }).waitFor();
    await settled(page);
    expect(await namesIn(page)).not.toContain('Gateway');
  });

  it('set how an application signs people in, on its own sites only', async () => {
    const { id } = await api('POST', 'clients', { name: 'Moodle', origins: [OWNED] });
    const page = await open(`/console/clients/${id}`);
    await page.getByText('/.well-known/openid-configuration').waitFor();
    await page.getByRole('button', { name: 'Edit the sign-in' }).click();
    await page.getByLabel('Where a login begins').fill('https://elsewhere.example/login');
    await page.getByLabel('Addresses after logging out').fill(`${OWNED}/\n${OWNED}/bye`);
    await page.getByLabel('Where it hears of a logout').fill(`${OWNED}/logout`);
    await page.getByLabel('What it hears of a logout').selectOption('Only whose sessions have ended');
    await page.getByLabel('Signature of ID tokens').selectOption('ES256');
    await page.getByLabel('How it sends its secret').selectOption('In the form (client_secret_post)');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('dialog').getByRole('alert').waitFor();
    await page.getByLabel('Where a login begins').fill(`${OWNED}/auth/oidc/`);
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.getByText(`${OWNED}/auth/oidc/`).waitFor();
    expect(await api('GET', `client/${id}`)).toMatchObject({
      initiateLoginUri: `${OWNED}/auth/oidc/`,
      postLogoutRedirectUris: [`${OWNED}/`, `${OWNED}/bye`],
      backchannelLogoutUri: `${OWNED}/logout`,
      backchannelLogoutSessionRequired: false,
      idTokenSignedResponseAlg: 'ES256',
      tokenEndpointAuthMethod: 'client_secret_post',
    });
  });

  it('make a key in the browser, whose private half is downloaded and never sent', async () => {
    const page = await open(`/console/service-accounts/${serviceAccountId}`);
    const sent = requestsOf(page);
    await confirm(page, 'Make a key');
    await page.getByRole('heading', { name: /^Private key of Timetable: / }).waitFor();
    expect(await faults(page)).toEqual([]);
    const key = createPrivateKey(await downloaded(page));
    await page.getByRole('button', { name: 'I have it' }).click();
    expect(await page.getByRole('main').textContent()).not.toContain('PRIVATE KEY');
    const publicKey = createPublicKey(key).export({ format: 'jwk' });
    const { keys } = await api('GET', `service-account/${serviceAccountId}/keys`);
    expect(
      keys.map((one: { publicKey: string }) => createPublicKey(one.publicKey).export({ format: 'jwk' })),
    ).toContainEqual(publicKey);
    const posted = sent.filter((text) => text.includes('/keys '));
    expect(posted.some((text) => text.includes(publicKey.x!))).toBe(true);
    const secretParts = [key.export({ format: 'jwk' }).d!, 'PRIVATE', '"d"'];
    expect(sent.filter((text) => secretParts.some((part) => text.includes(part)))).toEqual([]);
  });

  it('take a public key as PEM or JWK, refuse a private one before it is sent, and revoke keys', async () => {
    const page = await open(`/console/service-accounts/${serviceAccountId}`);
    const sent = requestsOf(page);
    const add = async (text: string): Promise<void> => {
      await page.getByRole('button', { name: 'Add a public key' }).click();
      await page.getByLabel('Public key', { exact: true }).fill(text);
      await page.getByRole('button', { name: 'Save' }).click();
    };
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    for (const given of [
      String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
      JSON.stringify(privateKey.export({ format: 'jwk' })),
    ]) {
      await add(given);
      await page.getByRole('alert').getByText('This is a private key. It was not sent.').waitFor();
      await page.keyboard.press('Escape');
    }
    expect(sent.filter((text) => text.includes('/keys '))).toEqual([]);
    await add(String(publicKey.export({ type: 'spki', format: 'pem' })));
    await page.getByRole('cell', { name: 'RS256' }).waitFor();
    await add(JSON.stringify(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' })));
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    const { keys } = await api('GET', `service-account/${serviceAccountId}/keys`);
    const { kid } = keys.find((one: { algorithm: string }) => one.algorithm === 'RS256');
    await confirm(page, 'Revoke', `Revoke ${kid}`);
    await page
      .getByRole('row', { name: kid })
      .getByText(/^Revoked /)
      .waitFor();
    await add('nonsense');
    await page.getByRole('alert').getByText('This is not a public key that works here').waitFor();
  });

  it('give a client keys in place of its secrets', async () => {
    const { id, secret } = await api('POST', 'clients', { name: 'Signer' });
    const page = await open(`/console/clients/${id}`);
    const sent = requestsOf(page);
    await page.getByRole('button', { name: 'Make a key' }).click();
    await page.getByText('The secrets of the application end.').waitFor();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Make a key' }).click();
    const made = createPrivateKey(await downloaded(page));
    expect(sent.filter((text) => text.includes(made.export({ format: 'jwk' }).d!))).toEqual([]);
    await expectAuthenticates(id, secret, false);
    const pem = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'pem' });
    await page.getByRole('button', { name: 'Add a public key' }).click();
    await page.getByLabel('Public key', { exact: true }).fill(String(pem));
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('cell', { name: 'RS256' }).waitFor();
    const { jwks } = await api('GET', `client/${id}`);
    expect(jwks.keys.map(({ alg }: { alg: string }) => alg)).toEqual(['ES256', 'RS256']);
    expect(createPublicKey(made).export({ format: 'jwk' })).toMatchObject({ x: jwks.keys[0].x, y: jwks.keys[0].y });
    await confirm(page, 'Revoke', `Revoke ${jwks.keys[0].kid}`);
    await page.getByRole('cell', { name: 'ES256' }).waitFor({ state: 'detached' });
    await confirm(page, 'Revoke', `Revoke ${jwks.keys[1].kid}`);
    await page.getByText('There are no secrets.').waitFor();
    await page.getByRole('button', { name: 'I have it' }).click();
    await confirm(page, 'New secret');
    await expectAuthenticates(id, await downloaded(page), true);
  });

  it('block, rename and delete a service account', async () => {
    const page = await open('/console/clients');
    await page.getByRole('button', { name: 'New service account' }).click();
    await page.getByLabel('Name').fill('Portal');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('There are no keys yet.').waitFor();
    const id = new URL(page.url()).pathname.split('/').at(-1)!;
    await confirm(page, 'Block');
    await page.getByText('Blocked').waitFor();
    await confirm(page, 'Unblock');
    await page.getByText('Active').waitFor();
    await page.getByRole('button', { name: 'Edit' }).click();
    await page.getByLabel('Name').fill('Gateway');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('heading', { name: 'Gateway', level: 1 }).waitFor();
    expect(await api('GET', `service-account/${id}`)).toMatchObject({ name: 'Gateway', status: 'ACTIVE' });
    await confirm(page, 'Delete');
    await page.getByRole('heading', { name: 'Clients', level: 1 }).waitFor();
    const { serviceAccounts } = await api('GET', 'service-accounts');
    expect(serviceAccounts.map(({ name }: { name: string }) => name)).toEqual(['Timetable']);
  });

  it('prove a site with a file, and give it up', async () => {
    let file = 'something else';
    const site = createServer((_, response) => response.end(file)).listen(0);
    try {
      const origin = `http://localhost:${(site.address() as AddressInfo).port}`;
      const page = await open('/console/clients');
      await page.getByRole('button', { name: 'Add a site' }).click();
      await page.getByLabel('Site', { exact: true }).fill('learn.example.com');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByRole('alert').getByText('This is not a site as browsers write it').waitFor();
      await page.getByLabel('Site', { exact: true }).fill(origin);
      await page.getByRole('button', { name: 'Save' }).click();
      const row = page.getByRole('row', { name: origin });
      await row.getByText(`${origin}/.well-known/latchkey-origin`).waitFor();
      const challenge = await row.locator('code').nth(1).textContent();
      await page.getByRole('button', { name: `Check ${origin}` }).click();
      const question = page.getByRole('alertdialog');
      await question.getByRole('button', { name: 'Check' }).click();
      await question.getByRole('alert').waitFor();
      file = challenge!;
      await question.getByRole('button', { name: 'Check' }).click();
      await row.getByText('Proven by a file').waitFor();
      expect((await api('GET', 'origins')).origins).toContainEqual({
        origin,
        status: 'OWNED',
        proof: 'FILE',
        since: expect.any(String),
      });
      await confirm(page, 'Give up', `Give up ${origin}`);
      await row.waitFor({ state: 'detached' });
    } finally {
      site.close();
    }
  });

  it('break no rule of the policy, call no other service, and no script fails, in all of these tests', () => {
    expect(c.wrongs).toEqual({ violations: [], foreign: [], failures: [] });
  });
});

/** Whether a secret is that of a client: what is asked is wrong, and only then refused for another reason. */
async function authenticates(id: string, secret: string): Promise<boolean> {
  const response = await fetch(`${c.service}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: 'x',
      client_id: id,
      client_secret: secret,
    }),
  });
  const { error } = (await response.json()) as { error: string };
  return error !== 'invalid_client';
}

async function expectAuthenticates(id: string, secret: string, isKnown: boolean): Promise<void> {
  expect(await authenticates(id, secret)).toBe(isKnown);
}
