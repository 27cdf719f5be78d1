import { afterAll, afterEach, beforeAll, beforeEach, jest } from '@jest/globals';
import { call, TestApp } from '../../support/app.js';
import type { Answer } from '../../support/app.js';
import type { TestCaller } from '../../support/world.js';

export let t: TestApp;
export let caller: TestCaller;
export let user: string;

/** Starts the service for the tests of a file, and makes what they start from. */
export function setUp(): void {
  beforeAll(async () => {
    t = await TestApp.start();
  });
  afterAll(() => t.stop());
  beforeEach(async () => {
    caller = await t.world.caller();
    user = (await t.world.userOf(caller)).id;
  });
  afterEach(() => {
    jest.restoreAllMocks();
    t.clock.reset();
  });
}

export type Endpoint = 'login' | 'API';

export const ENDPOINTS: { endpoint: Endpoint }[] = [{ endpoint: 'login' }, { endpoint: 'API' }];

/** Presents a token at one of two endpoints of the service at `base`. */
export function present(
  base: string,
  endpoint: Endpoint,
  token: string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return endpoint === 'login'
    ? call(base, `/login?token=${token}`, { headers: { accept: 'application/json', ...headers } })
    : call(base, '/api/2.1.1/user/self', { headers: { authorization: `Bearer ${token}`, ...headers } });
}

export function statusesOf(answers: Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}
