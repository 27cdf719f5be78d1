import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import { LoginToken } from '../../../src/schema/entities/login-token.entity.js';
import { TestApp } from '../../support/app.js';
import type { Answer } from '../../support/app.js';
import type { TestCaller } from '../../support/world.js';

export const API = '/api/2.1.1';
export const MEBIBYTE = 'x'.repeat(1024 * 1024);
export let t: TestApp;
export let caller: TestCaller;

/** Starts the service for the tests of a file, and makes what they start from. */
export function setUp(): void {
  beforeAll(async () => {
    t = await TestApp.start();
  });
  afterAll(() => t.stop());
  beforeEach(async () => {
    // Wrong tokens are limited for each minute.
    t.clock.advance(61);
    caller = await t.world.caller({ origins: ['https://learn.example.com'] });
  });
}

/** What of an answer says that it refused: everything that a browser or a program acts on. */
export function outcome({ status, headers, body }: Answer): object {
  return { status, id: body?.id, cookies: headers.getSetCookie(), location: headers.get('location') };
}

export function refusal(status: number, id: string): object {
  return { status, id, cookies: [], location: null };
}

export function recordsFor(userId: string): Promise<number> {
  return t.world.write((db) => db.countBy(LoginToken, { userId }));
}
