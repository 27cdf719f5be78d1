import createClient from 'openapi-fetch';
import { LatchkeyError } from '../../clients/typescript/src/error.js';
import type { components, paths } from '../../clients/typescript/src/schema.js';

export { LatchkeyError };

/** The objects of the API by their names: `Schemas['User']`. */
export type Schemas = components['schemas'];

/**
 * The API, called with the session of the console (docs/api.md, section 16.2). A call resolves to `{ data }` and rejects
 * with a `LatchkeyError`. Without a session it leaves the page for the sign-in, which leads back here.
 */
export const api = createClient<paths>({ headers: { 'X-Console': '1' } });

api.use({
  async onResponse({ response }) {
    if (response.ok) return;
    if (response.status === 401) {
      signIn();
      // The browser is about to leave, so nobody waits for an answer.
      await new Promise(() => undefined);
    }
    throw await errorOf(response);
  },
  onError: ({ error }) => new LatchkeyError('no_connection', 0, null, String(error), {}),
});

/** Resolves to the data of an answer that has some. */
export async function dataOf<T>(call: Promise<{ data?: T }>): Promise<T> {
  return (await call).data!;
}

/** Signs in, and comes back to this page. */
export function signIn(): void {
  const { pathname, search } = window.location;
  window.location.assign(`/console/sign-in?to=${encodeURIComponent(pathname + search)}`);
}

export async function signOut(): Promise<void> {
  await fetch('/console/sign-out', { method: 'POST' });
  window.location.assign('/console/sign-in');
}

/** Whether the same call may succeed in a moment. */
export function isWorthRepeating(error: unknown): boolean {
  return error instanceof LatchkeyError && (error.status === 0 || error.status === 503);
}

async function errorOf(response: Response): Promise<LatchkeyError> {
  const body = (await response.json().catch(() => ({}))) as Record<string, unknown>;
  const { id = 'internal_error', description = '', ...members } = body;
  return new LatchkeyError(
    String(id),
    response.status,
    response.headers.get('X-Request-Id'),
    String(description),
    members,
  );
}
