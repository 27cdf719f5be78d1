import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import { TestApp } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { decode } from '../support/forge.js';
import { raw } from '../support/raw.js';
import type { TestCaller } from '../support/world.js';

export const HTML = 'text/html,application/xhtml+xml,*/*;q=0.8';
export const HOST = 'https://host.example';
/** What a browser says of a visit in a window, of one in a frame, and of a form on a page of ours. */
export const WINDOW = { 'sec-fetch-dest': 'document', 'sec-fetch-mode': 'navigate', accept: HTML };
export const FRAME = { 'sec-fetch-dest': 'iframe', 'sec-fetch-mode': 'navigate', accept: HTML };
export const OWN_FORM = { 'sec-fetch-site': 'same-origin', 'content-type': 'application/x-www-form-urlencoded' };
export let t: TestApp;
export let caller: TestCaller;
export let user: string;

/**
 * Starts the service for the tests of a block. Each test has a caller and a user of its own.
 */
export function setUp(overrides: Record<string, string> = {}): void {
  beforeAll(async () => {
    t = await TestApp.start(overrides);
  });
  afterAll(() => t.stop());
  beforeEach(async () => {
    t.clock.reset();
    await newCaller([HOST, 'https://portal.host.example']);
  });
}

/** The test goes on with another caller, which has these origins, and with a user of theirs. */
export async function newCaller(origins: string[] = []): Promise<void> {
  caller = await t.world.caller({ origins });
  ({ id: user } = await t.world.userOf(caller, { name: 'Noor de Vries' }));
}

export async function another(): Promise<string> {
  return (await t.world.userOf(caller, { name: 'Sem Bakker' })).id;
}

// `fetch` sends a Sec-Fetch-Mode of its own.
export function visit(token: string, headers: Record<string, string> = WINDOW): Promise<Answer> {
  return raw(t.url, `/login?token=${token}`, { headers });
}

/** Sends the form of a page of ours. */
export function send(token: string, answer: string, headers: Record<string, string> = WINDOW): Promise<Answer> {
  return raw(t.url, `/login?token=${token}`, {
    method: 'POST',
    headers: { ...headers, ...OWN_FORM },
    body: `answer=${answer}`,
  });
}

/** Whom the service takes a browser with this cookie for; a frame's page asks with a `fetch`. */
export async function visitor(cookie: string): Promise<string | number> {
  const { status, body } = await raw(t.url, '/session', { headers: { cookie, 'sec-fetch-dest': 'empty' } });
  return status === 200 ? body.user.id : status;
}

export function idOf(token: string): string {
  return decode(token).payload.jti as string;
}

export async function isUnused(token: string): Promise<boolean> {
  return (await t.world.sessionsOfToken(idOf(token))).length === 0;
}

export function titleOf({ text }: Answer): string | undefined {
  return /<h1>(.*)<\/h1>/.exec(text)?.[1];
}

export function policyOf({ headers }: Answer): string[] {
  return headers.get('content-security-policy')!.split('; ');
}
