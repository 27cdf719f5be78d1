import { afterAll, afterEach, beforeAll, beforeEach, jest } from '@jest/globals';
import { newClientId } from '../../../src/common/id.js';
import { TestApp } from '../../support/app.js';
import type { Answer } from '../../support/app.js';
import { decode, forgetFailedAttempts } from '../../support/forge.js';
import type { TestCaller } from '../../support/world.js';

export const isPostgres = Boolean(process.env.DATABASE_URL);
export let t: TestApp;
export let caller: TestCaller;
/** Whom the caller may let in, and by which group. */
export let user: { id: string; groupId: string };

/** Starts the service for the tests of a file, and makes what they start from. */
export function setUp(): void {
  beforeAll(async () => {
    t = await TestApp.start();
  });
  afterAll(() => t.stop());
  beforeEach(async () => {
    caller = await t.world.caller();
    user = await t.world.userOf(caller, {
      name: 'Wilhelmina Kuiper',
      emailAddress: `${newClientId()}@wilhelmina.example`,
    });
    await forgetFailedAttempts(t);
  });
  afterEach(() => {
    jest.restoreAllMocks();
    t.clock.reset();
  });
}

export function idOf(token: string): string {
  return decode(token).payload.jti as string;
}

export const USED = { status: 410, id: 'token_used', cookies: 0 };
export const INVALID = { status: 401, id: 'invalid_token', cookies: 0 };
export const SIGNED_IN = { status: 303, id: undefined, cookies: 1 };

export function outcomeOf({ status, body, headers }: Answer): {
  status: number;
  id: string | undefined;
  cookies: number;
} {
  return { status, id: body?.id, cookies: headers.getSetCookie().length };
}

export function secretOf(cookie: string): string {
  return cookie.slice(cookie.indexOf('=') + 1);
}
