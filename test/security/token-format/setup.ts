import type { KeyObject } from 'node:crypto';
import { afterAll, afterEach, beforeAll, jest } from '@jest/globals';
import { KeyRing } from '../../../src/tokens/key-ring.js';
import { TestApp } from '../../support/app.js';
import { decode, forgetFailedAttempts, signerOf } from '../../support/forge.js';
import type { Jwt, Signer } from '../../support/forge.js';
import type { TestCaller } from '../../support/world.js';

export type Kind = 'login token' | 'bearer token';

export const KINDS: Kind[] = ['login token', 'bearer token'];
export let t: TestApp;
export let caller: TestCaller;
/** Whom the caller may let in. */
export let user: string;
let presented = 0;
export let keys: Record<Kind, { kid: string; signing: KeyObject; verifying: KeyObject }>;

/** Starts the service for the tests of a file, and makes what they start from. */
export function setUp(): void {
  beforeAll(async () => {
    t = await TestApp.start();
    const ring = t.nest.get(KeyRing, { strict: false });
    keys = { 'login token': ring.signing('LOGIN'), 'bearer token': ring.signing('ACCESS') };
    caller = await t.world.caller();
    user = (await t.world.userOf(caller)).id;
  });
  afterAll(() => t.stop());
  afterEach(() => {
    jest.restoreAllMocks();
  });
}

/** A token of the service's own, for a login that is still to happen or for the caller. */
export async function good(kind: Kind): Promise<string> {
  return kind === 'login token' ? t.loginToken(caller, user) : caller.token;
}

export interface Outcome {
  status: number;
  id: string | undefined;
  /** The `error` attribute of the challenge. */
  error: string | undefined;
  cookies: number;
}

export async function present(kind: Kind, token: string): Promise<Outcome> {
  if (++presented % 50 === 0) await forgetFailedAttempts(t);
  const { status, body, headers } =
    kind === 'login token' ? await t.login(encodeURIComponent(token)) : await t.as({ token })('/user/self');
  return {
    status,
    id: status < 400 ? undefined : body.id,
    error: /error="(\w+)"/.exec(headers.get('www-authenticate') ?? '')?.[1],
    cookies: headers.getSetCookie().length,
  };
}

export const ACCEPTED: Record<Kind, Outcome> = {
  'login token': { status: 303, id: undefined, error: undefined, cookies: 1 },
  'bearer token': { status: 200, id: undefined, error: undefined, cookies: 0 },
};
export const REFUSED: Record<Kind, Outcome> = {
  'login token': { status: 401, id: 'invalid_token', error: 'invalid_token', cookies: 0 },
  'bearer token': { status: 401, id: 'not_authenticated', error: 'invalid_token', cookies: 0 },
};

/**
 * Presents what `forge` makes of a good token, and then the good one: it is accepted, so that nothing but
 * the difference between the two explains a refusal.
 */
export async function presentBoth(
  kind: Kind,
  forge: (token: Jwt, text: string) => string,
): Promise<[Outcome, Outcome]> {
  const token = await good(kind);
  return [await present(kind, forge(decode(token), token)), await present(kind, token)];
}

export function signer(kind: Kind): Signer {
  return signerOf(keys[kind].signing);
}

export function parts(text: string): [string, string, string] {
  return text.split('.') as [string, string, string];
}

/** The same table for each kind of token. */
export function forBoth<Row extends object>(rows: Row[]): (Row & { kind: Kind })[] {
  return KINDS.flatMap((kind) => rows.map((row) => ({ ...row, kind })));
}
