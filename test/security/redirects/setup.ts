import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import { TestApp } from '../../support/app.js';
import type { Answer } from '../../support/app.js';
import { raw } from '../../support/raw.js';
import type { TestCaller } from '../../support/world.js';

export const API = '/api/2.1.1';
export const HTTP = 'http://latchkey.test';
export const HTTPS = 'https://latchkey.test';
/** The origins of the client. */
export const LEARN = 'https://learn.example.com';
export const PORT = 'https://learn.example.com:8443';
export const IDN = 'https://xn--mller-kva.example';
/** In every forged address, and nowhere else. */
export const EVIL = 'evil.example';
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
    await newCaller([LEARN, PORT, IDN]);
  });
}

/** The test goes on with another caller, which has these origins, and with a user of theirs. */
export async function newCaller(origins: string[] = []): Promise<void> {
  caller = await t.world.caller({ origins });
  ({ id: user } = await t.world.userOf(caller));
}

export function access(query: string, headers: Record<string, string> = {}): Promise<Answer> {
  return raw(t.url, `${API}/access/${user}${query}`, {
    headers: { authorization: `Bearer ${caller.token}`, ...headers },
  });
}

export async function tokenTo(target?: string): Promise<string> {
  const { status, body, text } = await access(target === undefined ? '' : `?returnTo=${encodeURIComponent(target)}`);
  if (status !== 200) throw new Error(`${status} ${text}`);
  return body.token;
}

export function login(query: string, headers: Record<string, string> = {}): Promise<Answer> {
  return raw(t.url, `/login${query}`, { headers });
}

export function landing({ status, headers }: Answer): object {
  return { status, location: headers.get('location') };
}

export function everything({ headers, text }: Answer): string {
  return `${[...headers].map(([name, value]) => `${name}: ${value}`).join('\n')}\n\n${text}`;
}
