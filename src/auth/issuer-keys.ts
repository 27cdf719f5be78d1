import { createPublicKey } from 'node:crypto';
import type { JsonWebKey } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { createLocalJWKSet, errors } from 'jose';
import type { CryptoKey, JSONWebKeySet, JWK, JWSHeaderParameters, FlattenedJWSInput } from 'jose';
import { SECONDS_PER_DAY } from '../common/clock.js';
import type { Clock } from '../common/clock.js';
import { pauseDeadline } from '../common/deadline.js';
import { DomainError } from '../common/errors/errors.js';
import { isTrustworthyUrl } from '../config/trusted-issuer.js';
import { weaknessOf } from '../tokens/key-strength.js';
import { isPlainHeader } from '../tokens/plain-header.js';
import { isForSignatures } from '../tokens/public-keys.js';

/**
 * Milliseconds for which fetched keys count as fresh, and for which they are still used if newer ones can't be fetched.
 */
export const KEYS_FRESH_MS = 10 * 60_000;
const KEYS_KEPT_MS = SECONDS_PER_DAY * 1000;
/** The shortest and the longest pause between two attempts, in milliseconds. The pause doubles with each failure. */
const MIN_PAUSE_MS = 30_000;
const MAX_PAUSE_MS = 5 * 60_000;
/** The time limit of an attempt in milliseconds, and the size limit of an answer in bytes. */
const TIMEOUT_MS = 5_000;
const MAX_BYTES = 256 * 1024;

/**
 * The keys of another authorization server, from the key set that its metadata names (RFC 8414). They are fetched when
 * they are old, and when a token names an unknown key; one request at a time, with a pause in between. So neither a
 * server that is down nor made-up key names cause many requests or long waits.
 */
export class IssuerKeys {
  private readonly logger = new Logger('IssuerKeys');
  private keys: ReturnType<typeof createLocalJWKSet> | null = null;
  private fetchedAt = -Infinity;
  private triedAt = -Infinity;
  private failures = 0;
  private trying: Promise<void> | null = null;

  constructor(
    private readonly issuer: string,
    private readonly isProduction: boolean,
    private readonly clock: Clock,
  ) {}

  /**
   * The key that a token's header names. @throws DomainError `unavailable` if there are no keys; JOSEError if none
   * matches
   */
  async find(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey> {
    if (!isPlainHeader(header)) throw new errors.JWSInvalid('the header has parameters that are not supported');
    if (this.ageOf(this.fetchedAt) > KEYS_FRESH_MS) await this.tryToFetch();
    const { keys } = this;
    if (!keys || this.ageOf(this.fetchedAt) > KEYS_KEPT_MS)
      throw new DomainError('unavailable', 'The keys of the issuer of this token are not available at the moment.');
    try {
      return await keys(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      await this.tryToFetch();
      if (this.keys === keys) throw error;
      return this.keys!(header, token);
    }
  }

  /** Fetches the keys. It never throws: after a failure, the previous keys stay. */
  private async tryToFetch(): Promise<void> {
    const pause = Math.min(MIN_PAUSE_MS * 2 ** Math.max(0, this.failures - 1), MAX_PAUSE_MS);
    if (!this.trying && this.ageOf(this.triedAt) < pause) return;
    await pauseDeadline((this.trying ??= this.fetch().finally(() => (this.trying = null))));
  }

  private async fetch(): Promise<void> {
    this.triedAt = this.clock.now().getTime();
    try {
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      const jwks = await getJson(await this.findKeySet(signal), signal);
      this.keys = createLocalJWKSet(this.usableKeys(jwks));
      this.fetchedAt = this.triedAt;
      this.failures = 0;
    } catch (error) {
      this.failures += 1;
      const { message, cause } = error as Error;
      this.logger.warn(
        `The keys of ${this.issuer} could not be fetched: ${message}${cause ? `, ${String(cause)}` : ''}`,
      );
    }
  }

  /** The keys of a key set that may verify tokens. Weak keys and keys that are not for signatures are left out. */
  private usableKeys({ keys }: Record<string, unknown>): JSONWebKeySet {
    if (!Array.isArray(keys)) throw new Error('its key set has no keys');
    const good = (keys as JWK[]).filter((jwk) => {
      const weakness = isForSignatures(jwk) ? weaknessOfJwk(jwk) : null;
      if (weakness) this.logger.warn(`A key of ${this.issuer} is not used: ${weakness}.`);
      return isForSignatures(jwk) && weakness === null;
    });
    return { keys: good };
  }

  private async findKeySet(signal: AbortSignal): Promise<string> {
    const { issuer, jwks_uri: keySet } = await this.findMetadata(signal);
    if (issuer !== this.issuer) throw new Error(`its metadata belong to another issuer, ${JSON.stringify(issuer)}`);
    if (!isTrustworthyUrl(keySet, this.isProduction)) throw new Error('its metadata have no https URL in jwks_uri');
    return keySet;
  }

  /**
   * Fetches the metadata from the path of RFC 8414, section 3, or else from that of OpenID Connect Discovery, section
   * 4.
   */
  private async findMetadata(signal: AbortSignal): Promise<Record<string, unknown>> {
    const { origin, pathname } = new URL(this.issuer);
    const path = pathname.replace(/\/$/, '');
    try {
      return await getJson(`${origin}/.well-known/oauth-authorization-server${path}`, signal);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      return getJson(`${origin}${path}/.well-known/openid-configuration`, signal);
    }
  }

  /** The age in milliseconds. After the clock was set back, it counts as infinite. */
  private ageOf(instant: number): number {
    const age = this.clock.now().getTime() - instant;
    return age < 0 ? Infinity : age;
  }
}

/** Why a key is too weak, or `null`. A key of an unknown type is not judged: no token is verified with it. */
function weaknessOfJwk(jwk: JWK): string | null {
  if (jwk.kty !== 'RSA' && jwk.crv !== 'Ed25519') return null;
  try {
    return weaknessOf(createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' }));
  } catch {
    return 'it cannot be read';
  }
}

class StatusError extends Error {}

async function getJson(url: string, signal: AbortSignal): Promise<Record<string, unknown>> {
  const response = await fetch(url, { signal, redirect: 'error', headers: { accept: 'application/json' } });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new StatusError(`${url} answered with status ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body!) {
    length += chunk.length;
    if (length > MAX_BYTES) throw new Error(`${url} answered with more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  const value: unknown = JSON.parse(Buffer.concat(chunks).toString());
  if (typeof value !== 'object' || value === null) throw new Error(`${url} did not answer with a JSON object`);
  return value as Record<string, unknown>;
}
