import { createPrivateKey, randomUUID } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import { LatchkeyError } from './error.js';

/** A service account, as `latchkey service-accounts create` and `add-key` name it. */
export interface ServiceAccount {
  id: string;
  /** The ID of its key; without it the service tries all keys of the account. */
  keyId?: string;
  /** The private key as PEM (PKCS #8): RSA, EC on P-256, or Ed25519. Line breaks may be written as `\n`. */
  privateKey: string;
}

/** What the token endpoint answers (RFC 6749, section 5.1). */
export interface TokenAnswer {
  access_token: string;
  /** Seconds. */
  expires_in: number;
}

/** Seconds before its end at which a token is not used any more. */
const MARGIN = 60;

/** The algorithms by the types of keys that Node.js knows. */
const ALGORITHMS: Record<string, string> = { rsa: 'RS256', ec: 'ES256', ed25519: 'EdDSA' };

/** What makes assertions with which the service account asks for a token of its own (RFC 7523, section 3). */
export function signerOf({ id, keyId, privateKey }: ServiceAccount, audience: string): () => Promise<string> {
  const key = readKey(privateKey);
  const alg = ALGORITHMS[key.asymmetricKeyType ?? ''];
  if (!alg) throw keyInvalid();
  return () =>
    new SignJWT()
      .setProtectedHeader({ alg, ...(keyId ? { kid: keyId } : {}) })
      .setIssuer(id)
      .setSubject(id)
      .setAudience(audience)
      .setJti(randomUUID())
      .setIssuedAt()
      .setExpirationTime('5m')
      .sign(key);
}

function readKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem.replaceAll(String.raw`\n`, '\n'));
  } catch (cause) {
    throw keyInvalid(cause);
  }
}

function keyInvalid(cause?: unknown): LatchkeyError {
  const description = 'The private key is not a PEM of an RSA, EC P-256 or Ed25519 key.';
  return new LatchkeyError('key_invalid', 0, null, description, {}, { cause });
}

interface CachedTokens {
  get: () => Promise<string>;
  renew: (refused: string) => Promise<string>;
}

/** Keeps a token until shortly before it ends. Calls at one time share one request. */
export function cachedTokens(obtain: () => Promise<TokenAnswer>): CachedTokens {
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
