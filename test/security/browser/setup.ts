import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import { TestApp } from '../../support/app.js';
import type { Answer } from '../../support/app.js';
import { raw } from '../../support/raw.js';
import type { TestCaller } from '../../support/world.js';

export const HTTP = 'http://latchkey.test';
export const HTTPS = 'https://latchkey.test';
export const EVIL = 'https://evil.example';
export const SECURE_COOKIE = /^__Host-latchkey=[\w-]{22}\.[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Lax$/;
export let t: TestApp;
export let caller: TestCaller;
export let user: string;

/**
 * Starts the service for the tests of a block. Each test has a caller and a user of its own, and a minute
 * of its own: wrong tokens are limited for each.
 */
export function setUp(publicUrl: string): void {
  beforeAll(async () => {
    t = await TestApp.start({ PUBLIC_URL: publicUrl });
  });
  afterAll(() => t.stop());
  beforeEach(async () => {
    t.clock.advance(61);
    await newCaller();
  });
}

/** The test goes on with another caller, which has these origins, and with a user of theirs. */
export async function newCaller(origins: string[] = []): Promise<void> {
  caller = await t.world.caller({ origins });
  ({ id: user } = await t.world.userOf(caller));
}

export type Sent = Record<string, string | string[]>;

/** A request that must not use a link up, and what it is answered with. */
interface Look {
  of: string;
  method?: string;
  headers?: Sent;
  status: number;
}

/** Requests that look at a link, and those that do something else with it than going there. */
export const LOOKS: Look[] = [
  { of: 'HEAD', method: 'HEAD', status: 200 },
  {
    of: 'HEAD of a navigation',
    method: 'HEAD',
    headers: { 'sec-fetch-dest': 'document', 'sec-fetch-mode': 'navigate' },
    status: 200,
  },
  { of: 'OPTIONS', method: 'OPTIONS', status: 405 },
  {
    of: 'a preflight',
    method: 'OPTIONS',
    headers: { origin: EVIL, 'access-control-request-method': 'GET', 'access-control-request-headers': 'x-y' },
    status: 405,
  },
  ...['PUT', 'PATCH', 'DELETE'].map((method) => ({ of: method, method, status: 405 })),
  { of: 'POST', method: 'POST', status: 403 },
  {
    of: 'POST from another site',
    method: 'POST',
    headers: { origin: EVIL, 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'document' },
    status: 403,
  },
  ...['prefetch', 'prefetch;prerender', 'prefetch;anonymous-client-ip', 'prerender', 'Prefetch'].flatMap(
    (value): Look[] => [
      { of: `Sec-Purpose: ${value}`, headers: { 'sec-purpose': value }, status: 400 },
      {
        of: `Sec-Purpose: ${value}, as a navigation`,
        headers: { 'sec-purpose': value, 'sec-fetch-dest': 'document', 'sec-fetch-mode': 'navigate' },
        status: 400,
      },
    ],
  ),
  ...['prefetch', 'prerender', 'preview', 'Prefetch'].map((value) => ({
    of: `Purpose: ${value}`,
    headers: { purpose: value, 'sec-fetch-dest': 'document' },
    status: 400,
  })),
  { of: 'X-Moz: prefetch', headers: { 'x-moz': 'prefetch' }, status: 400 },
  { of: 'X-Purpose: preview', headers: { 'x-purpose': 'preview' }, status: 400 },
  ...[
    'image',
    'empty',
    'script',
    'style',
    'font',
    'audio',
    'video',
    'track',
    'manifest',
    'object',
    'embed',
    'worker',
    'sharedworker',
    'serviceworker',
    'audioworklet',
    'paintworklet',
    'xslt',
    'report',
    'json',
    'webidentity',
    'frame',
    'fencedframe',
    'nonsense',
    '',
    'document, image',
  ].map((value) => ({ of: `Sec-Fetch-Dest: ${value}`, headers: { 'sec-fetch-dest': value }, status: 400 })),
  { of: 'Sec-Fetch-Dest twice', headers: { 'sec-fetch-dest': ['document', 'image'] }, status: 400 },
  {
    of: 'fetch from another site',
    headers: { origin: EVIL, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
    status: 400,
  },
  {
    of: 'an image on another site',
    headers: {
      referer: `${EVIL}/`,
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'no-cors',
      'sec-fetch-dest': 'image',
    },
    status: 400,
  },
];
/** What says, truly or not, that a call comes from a page of another site, or does not say where it comes from. */
export const FOREIGN: { of: string; headers: Sent }[] = [
  { of: 'no word about where it comes from', headers: {} },
  { of: 'Origin of another site', headers: { origin: EVIL } },
  { of: 'Origin: null', headers: { origin: 'null' } },
  { of: 'an empty Origin', headers: { origin: '' } },
  { of: 'an Origin that begins like ours', headers: { origin: `${HTTPS}.evil.example` } },
  { of: 'Origin of a sub-domain', headers: { origin: 'https://evil.latchkey.test' } },
  { of: 'Origin of the plain site', headers: { origin: HTTP } },
  { of: 'Origin of another port', headers: { origin: `${HTTPS}:8443` } },
  { of: 'Origin with a slash', headers: { origin: `${HTTPS}/` } },
  { of: 'Origin in upper case', headers: { origin: HTTPS.toUpperCase() } },
  { of: 'two Origins', headers: { origin: `${HTTPS} ${EVIL}` } },
  { of: 'our Referer alone', headers: { referer: `${HTTPS}/` } },
  { of: 'our Host alone', headers: { host: 'latchkey.test' } },
  {
    of: 'our name in X-Forwarded-Host and a foreign Origin that matches it',
    headers: {
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      host: 'evil.example',
      origin: EVIL,
    },
  },
  { of: 'Sec-Fetch-Site: cross-site', headers: { 'sec-fetch-site': 'cross-site' } },
  { of: 'Sec-Fetch-Site: same-site', headers: { 'sec-fetch-site': 'same-site' } },
  { of: 'Sec-Fetch-Site: none', headers: { 'sec-fetch-site': 'none' } },
  { of: 'an empty Sec-Fetch-Site', headers: { 'sec-fetch-site': '' } },
  { of: 'Sec-Fetch-Site: cross-site and our Origin', headers: { 'sec-fetch-site': 'cross-site', origin: HTTPS } },
  {
    of: 'Sec-Fetch-Site: same-site and our Referer',
    headers: { 'sec-fetch-site': 'same-site', referer: `${HTTPS}/` },
  },
  { of: 'X-Requested-With', headers: { 'x-requested-with': 'XMLHttpRequest' } },
];

export function send(method: string, path: string, headers: Sent = {}): Promise<Answer> {
  return raw(t.url, path, { method, headers: { accept: 'application/json', ...headers } });
}

export function login(token: string, headers: Sent = {}): Promise<Answer> {
  return send('GET', `/login?token=${token}`, headers);
}

/** What the service takes a browser with this cookie for. */
export async function visitor(cookie: string): Promise<string | number> {
  const { status, body } = await send('GET', '/session', { cookie });
  return status === 200 ? body.user.id : status;
}

export function sessionsOf(userId: string): Promise<number> {
  return t.world.sessionsOf(userId);
}

export function secretOf(cookie: string): string {
  return cookie.slice(cookie.indexOf('=') + 1);
}

/** What of an answer a browser acts on. */
export function effect({ status, headers }: Answer): object {
  return { status, location: headers.get('location'), cookies: headers.getSetCookie() };
}

export function page(path: string, cookie?: string): Promise<Answer> {
  return send('GET', path, { accept: 'text/html,application/xhtml+xml,*/*;q=0.8', ...(cookie ? { cookie } : {}) });
}

export async function another(): Promise<string> {
  return (await t.world.userOf(caller, { name: 'Sem Bakker' })).id;
}

export async function usedToken(): Promise<string> {
  const token = await t.loginToken(caller, await another());
  await login(token);
  return `?token=${token}`;
}

export async function expiredToken(): Promise<string> {
  const token = await t.loginToken(caller, await another());
  t.clock.advance(121);
  return `?token=${token}`;
}

export async function loggedOut(): Promise<string> {
  const cookie = await t.signIn(caller, user);
  await send('POST', '/logout', { cookie, 'sec-fetch-site': 'same-origin' });
  return cookie;
}
