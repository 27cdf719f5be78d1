import createFetchClient from 'openapi-fetch';
import type { Client } from 'openapi-fetch';
import { LatchkeyError } from './error.js';
import type { components, paths } from './schema.js';
import { cachedTokens, signerOf } from './service-account.js';
import type { ServiceAccount, TokenAnswer } from './service-account.js';

export { LatchkeyError } from './error.js';
export type { ServiceAccount } from './service-account.js';
export type { components, paths } from './schema.js';

/** The objects of the API by their names: `Schemas['User']`. */
export type Schemas = components['schemas'];

interface CommonOptions {
  /** The public URL of the service, such as `https://login.example.com`. */
  url: string;
  /** In place of the platform's own `fetch`. */
  fetch?: (request: Request) => Promise<Response>;
  /** Milliseconds for one attempt; 10,000 unless it is given. */
  timeoutMs?: number;
  /** How often a call that may be repeated is repeated after 429, 503 and no answer; twice unless it is given. */
  retries?: number;
}

/** Either a token or a service account, whose tokens the client obtains and keeps until a minute before they end. */
export type LatchkeyOptions = CommonOptions &
  (
    | {
        /** The access token to call with, or what obtains one for each call. */
        token: string | (() => string | Promise<string>);
        serviceAccount?: undefined;
      }
    | { serviceAccount: ServiceAccount; token?: undefined }
  );

/**
 * A client with a method for each HTTP method, typed by path: `latchkey.GET('/api/2.1.1/access/{user}', …)`. A call
 * resolves to `{ data }`, and rejects with a `LatchkeyError` for anything but success.
 *
 * @throws LatchkeyError `key_invalid` if the private key of the service account can not be used
 */
export function createLatchkey(options: LatchkeyOptions): Client<paths> {
  const baseUrl = options.url.replace(/\/+$/, '');
  const send = patientSender(options);
  const tokens = tokensOf(options, baseUrl, send);
  const client = createFetchClient<paths>({
    baseUrl,
    fetch: authorizedFetch(tokens, send, options.retries ?? RETRIES),
  });
  client.use({
    onResponse: async ({ response }) => {
      if (!response.ok) throw await errorOf(response);
    },
  });
  return client;
}

interface Tokens {
  get: () => string | Promise<string>;
  /** Another token after the service refused one; without it, a refusal is the answer. */
  renew?: (refused: string) => Promise<string>;
}

type Send = (make: () => Request | Promise<Request>, attempts: number) => Promise<Response>;

function tokensOf({ token, serviceAccount, retries = RETRIES }: LatchkeyOptions, baseUrl: string, send: Send): Tokens {
  if (!serviceAccount) return { get: () => (typeof token === 'function' ? token() : token) };
  const assertion = signerOf(serviceAccount, `${baseUrl}/oauth/token`);
  return cachedTokens(async () => {
    // An assertion is good once, so each attempt signs its own.
    const response = await send(async () => tokenRequest(baseUrl, await assertion()), retries + 1);
    if (!response.ok) throw await errorOf(response);
    return (await response.json()) as TokenAnswer;
  });
}

function tokenRequest(baseUrl: string, assertion: string): Request {
  const grantType = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
  const body = new URLSearchParams({ grant_type: grantType, assertion });
  return new Request(`${baseUrl}/oauth/token`, { method: 'POST', body });
}

function authorizedFetch(tokens: Tokens, send: Send, retries: number) {
  return async (request: Request): Promise<Response> => {
    // Only what changes nothing by being done twice is repeated. A login token that nobody got does no harm.
    const attempts = request.method === 'POST' ? 1 : retries + 1;
    const sendWith = (token: string) =>
      send(() => {
        const attempt = request.clone();
        attempt.headers.set('Authorization', `Bearer ${token}`);
        return attempt;
      }, attempts);
    const token = await tokens.get();
    const response = await sendWith(token);
    if (response.status !== 401 || !tokens.renew) return response;
    await response.body?.cancel();
    return sendWith(await tokens.renew(token));
  };
}

async function errorOf(response: Response): Promise<LatchkeyError> {
  const body = (await response
    .clone()
    .json()
    .catch(() => ({}))) as Record<string, unknown>;
  const {
    id = body.error ?? 'unreadable',
    description = `The service answered ${response.status}.`,
    ...members
  } = body;
  return new LatchkeyError(
    String(id),
    response.status,
    response.headers.get('X-Request-Id'),
    String(description),
    members,
  );
}

/** How often a call is repeated unless the options say so. */
const RETRIES = 2;

/** Seconds, at most, for which a call waits because the service says so. */
const LONGEST_WAIT = 30;

/** Sends a request until it is answered with anything but 429 and 503, or there are no attempts left. */
function patientSender({ fetch = (request) => globalThis.fetch(request), timeoutMs = 10_000 }: LatchkeyOptions): Send {
  return async (make, attempts) => {
    for (let attempt = 1; ; attempt++) {
      const isLast = attempt >= attempts;
      const request = await make();
      try {
        const signal = AbortSignal.any([request.signal, AbortSignal.timeout(timeoutMs)]);
        const response = await fetch(new Request(request, { signal }));
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
  const description = isTimeout ? 'The service did not answer in time.' : 'The service cannot be reached.';
  return new LatchkeyError(isTimeout ? 'timeout' : 'no_connection', 0, null, description, {}, { cause });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
