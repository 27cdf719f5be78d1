import { createRemoteJWKSet, customFetch, errors, jwtVerify } from 'jose';
import { LatchkeyError } from './error.js';

/** Who the visitor of a protected site is, as the service has signed it. */
export interface Identity {
  /** The ID of the visitor. */
  sub: string;
  name: string;
  email?: string;
  /** Whoever let the visitor in. */
  act: { sub: string };
  client_id: string;
}

export interface IdentityOptions {
  /** The public URL of the service. */
  url: string;
  /** The origin of the site, such as `https://learn.example.com`, for which the assertion must be made. */
  site: string;
  /** In place of the platform's own `fetch`, for the keys of the service. */
  fetch?: typeof fetch;
}

/**
 * What verifies the header `X-Latchkey-Assertion` that a proxy passes to an application behind it. It keeps the keys of
 * the service, so make one for the whole application.
 *
 * @throws LatchkeyError `assertion_invalid` if the header is missing or says nothing that counts here, and
 *   `no_connection` if the keys can not be read
 */
export function identityVerifier({ url, site, fetch }: IdentityOptions): (header: unknown) => Promise<Identity> {
  const issuer = url.replace(/\/+$/, '');
  const keys = createRemoteJWKSet(new URL(`${issuer}/oauth/keys`), fetch && { [customFetch]: fetch });
  return async (header) => {
    if (typeof header !== 'string' || header === '') throw refused('The request has no X-Latchkey-Assertion.');
    try {
      const required = { issuer, audience: site, typ: 'latchkey-assertion+jwt', algorithms: ['ES256'] };
      const { payload } = await jwtVerify<Identity>(header, keys, {
        ...required,
        requiredClaims: ['sub', 'exp', 'act'],
      });
      return payload;
    } catch (cause) {
      throw isAboutAssertion(cause) ? refused('X-Latchkey-Assertion is not valid here.', cause) : unreachable(cause);
    }
  };
}

/** Every other error is about the keys: the service can't be reached, or answers something else. */
function isAboutAssertion(error: unknown): boolean {
  const about = [
    errors.JWTClaimValidationFailed,
    errors.JWTExpired,
    errors.JWTInvalid,
    errors.JWSInvalid,
    errors.JWSSignatureVerificationFailed,
    errors.JWKSNoMatchingKey,
    errors.JOSEAlgNotAllowed,
    errors.JOSENotSupported,
  ];
  return about.some((type) => error instanceof type);
}

function refused(description: string, cause?: unknown): LatchkeyError {
  return new LatchkeyError('assertion_invalid', 0, null, description, {}, { cause });
}

function unreachable(cause: unknown): LatchkeyError {
  return new LatchkeyError('no_connection', 0, null, 'The keys of the service cannot be read.', {}, { cause });
}
