import createFetchClient from 'openapi-fetch';
import type { Client, Middleware } from 'openapi-fetch';
import type { components, paths } from './schema.js';

export type { components, paths } from './schema.js';

/** The objects of the API by their names: `Schemas['User']`. */
export type Schemas = components['schemas'];

export interface LatchkeyOptions {
  /** The public URL of the service, such as `https://login.example.com`. */
  url: string;
  /** The access token to call with, or what obtains one for each call. */
  token: string | (() => string | Promise<string>);
  /** In place of the platform's own `fetch`. */
  fetch?: (request: Request) => Promise<Response>;
}

/** An answer that is not a success (API.md, section 1). */
export class LatchkeyError extends Error {
  constructor(
    /** What programs branch on, such as `unknown_user`. */
    readonly id: string,
    readonly status: number,
    /** What goes into a report to the operator. */
    readonly requestId: string | null,
    description: string,
    /** Further members of the error, such as `userId` or `field`. */
    readonly members: Record<string, unknown>,
  ) {
    super(description);
    this.name = 'LatchkeyError';
  }
}

/**
 * A client with a method for each HTTP method, typed by path: `latchkey.GET('/api/2.1.1/access/{user}', …)`. A call
 * resolves to `{ data }`, and rejects with a `LatchkeyError` for anything but success.
 */
export function createLatchkey({ url, token, fetch }: LatchkeyOptions): Client<paths> {
  const client = createFetchClient<paths>({ baseUrl: url.replace(/\/$/, ''), ...(fetch && { fetch }) });
  client.use(authorize(token), throwErrors);
  return client;
}

function authorize(token: LatchkeyOptions['token']): Middleware {
  return {
    onRequest: async ({ request }) => {
      request.headers.set('Authorization', `Bearer ${typeof token === 'string' ? token : await token()}`);
      return request;
    },
  };
}

const throwErrors: Middleware = {
  onResponse: async ({ response }) => {
    if (response.ok) return;
    const body = (await response
      .clone()
      .json()
      .catch(() => ({}))) as Record<string, unknown>;
    const { id = 'unreadable', description = `The service answered ${response.status}.`, ...members } = body;
    throw new LatchkeyError(
      String(id),
      response.status,
      response.headers.get('X-Request-Id'),
      String(description),
      members,
    );
  },
};
