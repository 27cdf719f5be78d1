import { importJWK, importPKCS8, SignJWT } from 'jose';
import type { CryptoKey, JWK } from 'jose';
import { LatchkeyError } from './error.js';

/** A service account, as `latchkey service-accounts create` and `add-key` name it. */
export interface ServiceAccount {
  id: string;
  /** The ID of its key, or else the `kid` of a JWK; without it the service tries all keys of the account. */
  keyId?: string;
  /**
   * The private key: RSA, EC on P-256, or Ed25519. As PEM (PKCS #8), whose line breaks may be written as `\n`, or as a
   * JWK, an object or its JSON.
   */
  privateKey: string | JWK;
}

/** What makes an assertion (RFC 7523, section 3) for the service account itself, or for the user named by `subject`. */
export type Signer = (subject?: string) => Promise<string>;

interface SigningKey {
  key: CryptoKey;
  alg: string;
  kid?: string;
}

const ALGORITHMS = ['RS256', 'ES256', 'EdDSA'];
/** The algorithms by the key types and curves of JWKs. */
const ALGORITHM_OF: Record<string, string> = { RSA: 'RS256', 'P-256': 'ES256', Ed25519: 'EdDSA' };

/** @throws LatchkeyError `key_invalid`, at once or when the first assertion is made */
export function signerOf({ id, keyId, privateKey }: ServiceAccount, audience: string): Signer {
  const readKey = keyReader(privateKey);
  let reading: Promise<SigningKey> | undefined;
  return async (subject = id) => {
    const { key, alg, kid } = await (reading ??= readKey());
    const named = keyId ?? kid;
    const assertion = new SignJWT()
      .setProtectedHeader({ alg, ...(named ? { kid: named } : {}) })
      .setIssuer(id)
      .setSubject(subject)
      .setAudience(audience)
      .setJti(crypto.randomUUID())
      .setIssuedAt()
      .setExpirationTime('5m');
    return assertion.sign(key).catch((cause) => {
      throw keyInvalid(cause);
    });
  };
}

/** Says at once what is no key at all. The platform reads keys asynchronously. */
function keyReader(privateKey: string | JWK): () => Promise<SigningKey> {
  if (typeof privateKey !== 'string') return () => readJwk(privateKey);
  const text = privateKey.replaceAll(String.raw`\n`, '\n').trim();
  if (text.startsWith('-----BEGIN PRIVATE KEY-----')) return () => readPem(text);
  try {
    const jwk = JSON.parse(text) as JWK;
    return () => readJwk(jwk);
  } catch (cause) {
    throw keyInvalid(cause);
  }
}

async function readPem(pem: string): Promise<SigningKey> {
  let cause: unknown;
  for (const alg of ALGORITHMS) {
    try {
      return { key: await importPKCS8(pem, alg), alg };
    } catch (error) {
      cause = error;
    }
  }
  throw keyInvalid(cause);
}

async function readJwk(jwk: JWK): Promise<SigningKey> {
  try {
    const alg = ALGORITHM_OF[jwk.crv ?? jwk.kty ?? ''];
    if (!alg || !jwk.d) throw new Error('The JWK is no private key of these types.');
    return { key: (await importJWK({ ...jwk, alg }, alg)) as CryptoKey, alg, kid: jwk.kid };
  } catch (cause) {
    throw keyInvalid(cause);
  }
}

function keyInvalid(cause?: unknown): LatchkeyError {
  const description =
    'The private key is not an RSA, EC P-256 or Ed25519 key as PEM (PKCS #8, "BEGIN PRIVATE KEY") or as JWK. ' +
    'For other forms of PEM: openssl pkey -in key.pem';
  return new LatchkeyError('key_invalid', 0, null, description, {}, { cause });
}
