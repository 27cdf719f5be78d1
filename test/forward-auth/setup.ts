import { afterAll, afterEach, beforeAll, beforeEach, jest } from '@jest/globals';
import { createRemoteJWKSet, customFetch, jwtVerify } from 'jose';
import type { JWTPayload } from 'jose';
import { PUBLIC_URL, TestApp } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { PROXIES, SITE } from '../support/asking-proxies.js';
import type { TestCaller } from '../support/world.js';

export const OTHER_SITE = 'https://other.example';
export const PAGE = { accept: 'text/html', 'sec-fetch-dest': 'document' };
export const JSON_ONLY = { accept: 'application/json' };
export let t: TestApp;
export let caller: TestCaller;
export let user: string;

/** Starts the service for the tests of a file, and makes what they start from. */
export function setUp(): void {
  beforeAll(async () => {
    t = await TestApp.start({ TRUSTED_PROXIES: '127.0.0.1', PREFLIGHT_SITES: `https://learn.example, ${SITE}` });
  });
  afterAll(() => t.stop());
  beforeEach(async () => {
    t.clock.reset();
    caller = await t.world.caller();
    ({ id: user } = await t.world.userOf(caller, { name: 'Noor de Vries' }));
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });
}

/** What the application behind would be told. */
export function identityIn({ status, headers }: Answer): object {
  const names = ['User', 'Email', 'Name', 'Third-Party-Ids', 'Actor'].map((name) => `X-Latchkey-${name}`);
  return {
    status,
    cookie: headers.get('cookie'),
    ...Object.fromEntries(names.map((name) => [name, headers.get(name)])),
  };
}

export function effect({ status, headers }: Answer): object {
  return { status, location: headers.get('location'), cookies: headers.getSetCookie() };
}

export async function assertionFor(cookie: string, site = SITE): Promise<string> {
  return (await PROXIES.traefik(t.url, { site, headers: { cookie } })).headers.get('x-latchkey-assertion')!;
}

/** As an application does it that knows the public URL and its own address. */
export async function verify(assertion: string, audience = SITE): Promise<JWTPayload> {
  const keys = createRemoteJWKSet(new URL(`${PUBLIC_URL}/oauth/keys`), {
    [customFetch]: () => fetch(`${t.url}/oauth/keys`),
  });
  const options = { issuer: PUBLIC_URL, audience, typ: 'latchkey-assertion+jwt', currentDate: t.clock.now() };
  return (await jwtVerify(assertion, keys, options)).payload;
}
