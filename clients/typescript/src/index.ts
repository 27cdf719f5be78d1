import createFetchClient from 'openapi-fetch';
import type { Client } from 'openapi-fetch';
import type { components, paths } from './schema.js';
import { beforeAbort, errorOf, limitOf, patientSender } from './send.js';
import type { Send, SendOptions } from './send.js';
import { signerOf } from './service-account.js';
import type { ServiceAccount, Signer } from './service-account.js';
import { cachedTokens, requestToken } from './tokens.js';
import type { Tokens } from './tokens.js';

export { LatchkeyError } from './error.js';
export type { ContractErrorId, LatchkeyErrorId } from './error.js';
export { identityVerifier } from './identity.js';
export type { Identity, IdentityOptions } from './identity.js';
export type { ServiceAccount } from './service-account.js';
export type { components, paths } from './schema.js';

/** The objects of the API by their names: `Schemas['User']`. */
export type Schemas = components['schemas'];

/** Either a token or a service account, whose tokens the client obtains and keeps until a minute before they end. */
export type LatchkeyOptions = SendOptions & {
  /** The public URL of the service, such as `https://login.example.com`. */
  url: string;
} & (
    | {
        /** The access token to call with, or what obtains one for each call. */
        token: string | (() => string | Promise<string>);
        serviceAccount?: undefined;
      }
    | { serviceAccount: ServiceAccount; token?: undefined }
  );

type AccessQuery = NonNullable<paths['/api/2.1.1/access/{user}']['get']['parameters']['query']>;

/** Where and how the user is let in: the parameters of the access call (docs/api.md, section 4.1). */
export type AccessOptions = AccessQuery & { signal?: AbortSignal };

export type Latchkey = Client<paths> & {
  /**
   * Lets a user in: resolves to the URL to forward the browser to, which works once, for two minutes unless the service is
   * set otherwise. `user` is an ID, an e-mail address, or a third-party ID as `CODE$ID`. A service account asks by the JWT
   * bearer grant, everybody else by the access call.
   *
   * @throws LatchkeyError `invalid_grant` if a service account may not let the user in, `incorrect_field` and
   *   `invalid_request` for a `returnTo` that is not allowed; with a token the ids of the access call
   */
  accessUrl: (user: string, options?: AccessOptions) => Promise<string>;
};

/**
 * A client with a method for each HTTP method, typed by path: `latchkey.GET('/api/2.1.1/user/{user}', …)`. A call
 * resolves to `{ data }`, and rejects with a `LatchkeyError` for anything but success.
 *
 * @throws LatchkeyError `key_invalid` if the private key of the service account can not be used
 */
export function createLatchkey(options: LatchkeyOptions): Latchkey {
  const url = options.url.replace(/\/+$/, '');
  const endpoint = `${url}/oauth/token`;
  const send = patientSender(options);
  const sign = options.serviceAccount && signerOf(options.serviceAccount, endpoint);
  const tokens = sign ? tokensOf(options, endpoint, sign, send) : { get: async () => readToken(options.token) };
  const client = createFetchClient<paths>({ baseUrl: url, fetch: authorizedFetch(tokens, send, options) });
  client.use({
    onResponse: async ({ response }) => {
      if (!response.ok) throw await errorOf(response);
    },
  });
  return Object.assign(client, {
    accessUrl: async (user: string, { signal = neverAborted(), ...query }: AccessOptions = {}): Promise<string> => {
      if (!sign)
        return (await client.GET('/api/2.1.1/access/{user}', { params: { path: { user }, query }, signal })).data!.url;
      const about = { subject: user, fields: { resource: `${url}/login`, ...query } };
      return (await requestToken(endpoint, sign, send, limitOf(options, signal), about)).url!;
    },
  });
}

function readToken(token: LatchkeyOptions['token']): string | Promise<string> {
  return typeof token === 'function' ? token() : token!;
}

/** The tokens of a service account. Calls share a request for one, so no single call can end it. */
function tokensOf(options: LatchkeyOptions, endpoint: string, sign: Signer, send: Send): Tokens {
  return cachedTokens(() => requestToken(endpoint, sign, send, limitOf(options, neverAborted())));
}

function authorizedFetch(tokens: Tokens, send: Send, options: SendOptions) {
  return async (request: Request): Promise<Response> => {
    const limit = limitOf(options, request.signal);
    // Only what changes nothing by being done twice is repeated. A login token that nobody got does no harm.
    const mayRepeat = request.method === 'GET';
    const sendWith = (token: string): Promise<Response> =>
      send(
        () => {
          const attempt = request.clone();
          attempt.headers.set('Authorization', `Bearer ${token}`);
          return attempt;
        },
        mayRepeat,
        limit,
      );
    const token = await beforeAbort(tokens.get(), limit.signal);
    const response = await sendWith(token);
    if (response.status !== 401 || !tokens.renew) return response;
    return sendWith(await beforeAbort(tokens.renew(token), limit.signal));
  };
}

function neverAborted(): AbortSignal {
  return new AbortController().signal;
}
