import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect } from '@jest/globals';
import { importPKCS8, SignJWT } from 'jose';
import { newId } from '../../src/common/id.js';
import type { Permission } from '../../src/schema/entities/account-permission.entity.js';
import { PUBLIC_URL, TestApp } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { JWT_BEARER, requestToken } from '../support/oauth.js';
import type { TestCaller } from '../support/world.js';

export const ADMINISTRATOR: Permission[] = [
  'OBTAIN_ACCESS_TOKENS',
  'CREATE_GROUPS',
  'MANAGE_STAFF',
  'MANAGE_USERS',
  'MANAGE_SERVICE_ACCOUNTS',
];

export let t: TestApp;
export let admin: TestCaller;

/** Starts the service for the tests of a file, and makes what they start from. */
export function setUp(): void {
  beforeAll(async () => {
    t = await TestApp.start();
    admin = await t.world.caller({ permissions: ADMINISTRATOR });
  });
  afterAll(() => t.stop());
}

export function pemOf(pair: {
  publicKey: { export: (options: { type: 'spki'; format: 'pem' }) => string | Buffer };
}): string {
  return pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
}

export async function newAccount(caller = admin): Promise<{ id: string; clientId: string }> {
  const { status, body } = await t.send(caller, 'POST', '/service-accounts', { name: 'Portal' });
  expect(status).toBe(200);
  return body;
}

export async function newKeyPair(id: string, caller = admin): Promise<{ kid: string; privateKey: string }> {
  const { status, body } = await t.send(caller, 'POST', `/service-account/${id}/key-pairs`);
  expect(status).toBe(200);
  return body;
}

export function addKey(id: string, publicKey: string, caller = admin): Promise<Answer> {
  return t.send(caller, 'POST', `/service-account/${id}/keys`, { publicKey });
}

/** What the token endpoint says to an assertion of the account, for itself or for `sub`. */
export async function ask(
  id: string,
  { kid, privateKey }: { kid: string; privateKey: string },
  { sub = id, ...more }: Record<string, string> = {},
): Promise<Answer> {
  const assertion = await new SignJWT({ jti: newId() })
    .setProtectedHeader({ alg: 'ES256', kid })
    .setIssuer(id)
    .setSubject(sub)
    .setAudience(`${PUBLIC_URL}/oauth/token`)
    .setExpirationTime('5m')
    .sign(await importPKCS8(privateKey, 'ES256'));
  return requestToken(t.url, { grant_type: JWT_BEARER, assertion, ...more });
}

/** Waits until an access token is refused, two seconds at most. */
export async function expectRefused(token: string): Promise<void> {
  const end = Date.now() + 2000;
  while ((await t.as({ token })('/user')).status !== 401) {
    expect(Date.now()).toBeLessThan(end);
    await setTimeout(50);
  }
}
