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
  /** Milliseconds for one attempt; 10,000 unless it is given. */
  timeoutMs?: number;
  /** How often a call that may be repeated is repeated after 429, 503 and no answer; twice unless it is given. */
  retries?: number;
}

/** A call that did not succeed: the answer of the service, or no answer at all. */
export class LatchkeyError extends Error {
  constructor(
    /** What programs branch on, such as `unknown_user`; `no_connection` or `timeout` without an answer. */
    readonly id: string,
    /** 0 without an answer. */
    readonly status: number,
    /** What goes into a report to the operator. */
    readonly requestId: string | null,
    description: string,
    /** Further members of the error, such as `userId` or `field`. */
    readonly members: Record<string, unknown>,
    options?: ErrorOptions,
  ) {
    super(description, options);
    this.name = 'LatchkeyError';
  }
}

/**
 * A client with a method for each HTTP method, typed by path: `latchkey.GET('/api/2.1.1/access/{user}', …)`. A call
 * resolves to `{ data }`, and rejects with a `LatchkeyError` for anything but success.
 */
export function createLatchkey(options: LatchkeyOptions): Client<paths> {
  const { url, token } = options;
  const client = createFetchClient<paths>({ baseUrl: url.replace(/\/$/, ''), fetch: patientFetch(options) });
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

/** Seconds, at most, for which a call waits because the service says so. */
const LONGEST_WAIT = 30;

/** Only what changes nothing by being done twice is repeated. A login token that nobody got is none too many. */
function patientFetch({
  fetch = (request) => globalThis.fetch(request),
  timeoutMs = 10_000,
  retries = 2,
}: LatchkeyOptions) {
  return async (request: Request): Promise<Response> => {
    const attempts = request.method === 'POST' ? 1 : retries + 1;
    for (let attempt = 1; ; attempt++) {
      const isLast = attempt >= attempts;
      try {
        const signal = AbortSignal.any([request.signal, AbortSignal.timeout(timeoutMs)]);
        const response = await fetch(new Request(request.clone(), { signal }));
        if (isLast || ![429, 503].includes(response.status)) return response;
        const wait = Number(response.headers.get('Retry-After') ?? attempt);
        if (!(wait <= LONGEST_WAIT)) return response;
        await response.body?.cancel();
        await pause(wait * 1000);
      } catch (cause) {
        if (request.signal.aborted) throw cause;
        if (isLast) throw noAnswer(cause);
        await pause(attempt * 200);
      }
    }
  };
}

function noAnswer(cause: unknown): LatchkeyError {
  const isTimeout = (cause as Error).name === 'TimeoutError';
  const description = isTimeout ? 'The service did not answer in time.' : 'The service can not be reached.';
  return new LatchkeyError(isTimeout ? 'timeout' : 'no_connection', 0, null, description, {}, { cause });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
