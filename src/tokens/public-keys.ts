import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import type { JsonWebKey, KeyObject } from 'node:crypto';
import { DomainError } from '../common/errors/errors.js';
import { weaknessOf } from './key-strength.js';
import type { AssertionAlgorithm } from '../schema/entities/service-account-key.entity.js';
import { isSshPublicKey, readSshPublicKey } from './ssh-public-key.js';

/** JWK members that only private and secret keys have (RFC 7518, sections 6.2.2, 6.3.2 and 6.4.1). */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

const MAX_KEYS = 10;
const MAX_KID = 255;

/** Other values of `alg` that a client's key may have, for each algorithm that the key is used with. */
const OTHER_ALGORITHMS: Record<AssertionAlgorithm, string[]> = { RS256: ['PS256'], ES256: [], EdDSA: ['Ed25519'] };

/** A public key, and the one algorithm that it verifies with (RFC 8725, section 3.1). */
export interface PublicKey {
  key: KeyObject;
  algorithm: AssertionAlgorithm;
}

const BASE64 = /^[\w+/\s-]+={0,2}\s*$/;

/**
 * Reads a public key in any common form: PEM, also with `\n` for line breaks as in JSON and environment variables; DER
 * in base64; an X.509 certificate in either; an OpenSSH line; or a JWK. A private key is refused, although its public
 * half could be read, because it should never be sent.
 *
 * @throws DomainError `invalid_public_key`
 */
export function readPublicKey(given: string): PublicKey {
  const text = given.trim();
  if (text.startsWith('{')) return readJwk(parseJson(text));
  if (text.includes('PRIVATE KEY')) throw isPrivate();
  if (text.startsWith('-----BEGIN ')) return withAlgorithm(() => createPublicKey(text.replaceAll('\\n', '\n')));
  if (isSshPublicKey(text)) return withAlgorithm(() => createPublicKey({ key: readSshPublicKey(text), format: 'jwk' }));
  if (!BASE64.test(text)) throw isNone();
  return withAlgorithm(() => readDer(Buffer.from(text, 'base64')));
}

/** Reads a SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7) or a certificate that contains one. */
function readDer(der: Buffer): KeyObject {
  requireNotPrivate(() => createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
  try {
    return createPublicKey({ key: der, format: 'der', type: 'spki' });
  } catch {
    return new X509Certificate(der).publicKey;
  }
}

function requireNotPrivate(read: () => KeyObject): void {
  try {
    read();
  } catch {
    return;
  }
  throw isPrivate();
}

/**
 * Reads a JWK Set (RFC 7517, section 5) of 1 to 10 public keys, each for one algorithm. Returns it as JSON with only
 * the members that verification needs.
 *
 * @throws DomainError `invalid_jwks`
 */
export function readJwks(text: string): string {
  try {
    const { keys } = parseJson(text);
    if (!Array.isArray(keys) || keys.length === 0 || keys.length > MAX_KEYS)
      throw new DomainError('invalid_jwks', `A JWK Set must have "keys" with 1 to ${MAX_KEYS} keys.`);
    return JSON.stringify({ keys: keys.map(normalized) });
  } catch (error) {
    throw error instanceof DomainError ? new DomainError('invalid_jwks', error.message) : error;
  }
}

function normalized(jwk: unknown): JsonWebKey {
  const { key, algorithm } = readJwk(jwk);
  const { kid, alg = algorithm, use = 'sig' } = jwk as Record<string, unknown>;
  if (alg !== algorithm && !OTHER_ALGORITHMS[algorithm].includes(String(alg)))
    throw new DomainError('invalid_jwks', `A key has the wrong "alg". It can only be used with ${algorithm}.`);
  const isName = typeof kid === 'string' && kid !== '' && kid.length <= MAX_KID;
  if (kid !== undefined && !isName)
    throw new DomainError('invalid_jwks', `A "kid" must be a string of 1 to ${MAX_KID} characters.`);
  return { ...key.export({ format: 'jwk' }), alg, use, ...(isName && { kid }) };
}

function readJwk(jwk: unknown): PublicKey {
  if (typeof jwk !== 'object' || jwk === null) throw isNone();
  if (PRIVATE_MEMBERS.some((member) => member in jwk)) throw isPrivate();
  if (!isForSignatures(jwk))
    throw new DomainError(
      'invalid_public_key',
      'A key must be for signatures: "use" must be "sig", and "key_ops" must include "verify".',
    );
  return withAlgorithm(() => createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' }));
}

/** Whether a JWK may verify signatures according to its `use` and `key_ops` (RFC 7517, sections 4.2 and 4.3). */
export function isForSignatures(jwk: { use?: unknown; key_ops?: unknown }): boolean {
  const { use = 'sig', key_ops: operations = ['verify'] } = jwk;
  return use === 'sig' && Array.isArray(operations) && operations.includes('verify');
}

function withAlgorithm(read: () => KeyObject): PublicKey {
  let key: KeyObject;
  try {
    key = read();
  } catch (error) {
    throw error instanceof DomainError ? error : isNone();
  }
  return { key, algorithm: algorithmOf(key) };
}

function algorithmOf(key: KeyObject): AssertionAlgorithm {
  const { asymmetricKeyType, asymmetricKeyDetails = {} } = key;
  const weakness = weaknessOf(key);
  if (weakness === null) {
    if (asymmetricKeyType === 'ed25519') return 'EdDSA';
    if (asymmetricKeyType === 'ec' && asymmetricKeyDetails.namedCurve === 'prime256v1') return 'ES256';
    if (asymmetricKeyType === 'rsa') return 'RS256';
  }
  throw new DomainError(
    'invalid_public_key',
    `A key must be RSA, EC on P-256, or Ed25519${weakness === null ? '' : `; ${weakness}`}.`,
  );
}

function parseJson(text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null) return parsed as Record<string, unknown>;
  } catch {
    // The error is the same as for any text that is not a key.
  }
  throw isNone();
}

function isPrivate(): DomainError {
  return new DomainError('invalid_public_key', 'This is a private key. Keep it secret, and register its public key.');
}

function isNone(): DomainError {
  return new DomainError('invalid_public_key');
}
