import type { Limit, Send } from './send.js';
import { beforeAbort, errorOf } from './send.js';
import type { Signer } from './service-account.js';

/** The access tokens that calls are sent with. */
export interface Tokens {
  get: () => Promise<string>;
  /** Another token after the service refused one; without it, a refusal is the answer. */
  renew?: (refused: string) => Promise<string>;
}

/** What the token endpoint answers (RFC 6749, section 5.1); `url` with a login token. */
export interface TokenAnswer {
  access_token: string;
  /** Seconds. */
  expires_in: number;
  url?: string;
}

/** Seconds before its end at which a token is not used any more. */
const MARGIN = 60;

/** Asks the token endpoint with an assertion. One is good once, so each attempt signs its own. */
export async function requestToken(
  endpoint: string,
  sign: Signer,
  send: Send,
  limit: Limit,
  { subject, fields = {} }: { subject?: string; fields?: Record<string, string | undefined> } = {},
): Promise<TokenAnswer> {
  const given = Object.entries(fields).filter((field): field is [string, string] => field[1] !== undefined);
  const make = async (): Promise<Request> => {
    const assertion = await beforeAbort(sign(subject), limit.signal);
    const form = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion, ...Object.fromEntries(given) };
    return new Request(endpoint, { method: 'POST', body: new URLSearchParams(form) });
  };
  const response = await send(make, true, limit);
  if (!response.ok) throw await errorOf(response);
  return (await response.json()) as TokenAnswer;
}

/** Keeps a token until shortly before it ends. Calls at one time share one request. */
export function cachedTokens(obtain: () => Promise<TokenAnswer>): Required<Tokens> {
  let kept: { token: string; endsAt: number } | undefined;
  let pending: Promise<string> | undefined;

  async function replace(): Promise<string> {
    try {
      const { access_token: token, expires_in: seconds } = await obtain();
      kept = { token, endsAt: Date.now() + (seconds - MARGIN) * 1000 };
      return token;
    } finally {
      pending = undefined;
    }
  }

  async function get(): Promise<string> {
    if (kept && Date.now() < kept.endsAt) return kept.token;
    return (pending ??= replace());
  }

  return {
    get,
    renew: (refused) => {
      if (kept?.token === refused) kept = undefined;
      return get();
    },
  };
}
