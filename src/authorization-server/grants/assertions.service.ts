import { Injectable } from '@nestjs/common';
import { compactVerify, decodeJwt, decodeProtectedHeader, errors as joseErrors, importJWK, jwtVerify } from 'jose';
import type { CryptoKey, JWK, JWTPayload } from 'jose';
import { errors } from 'oidc-provider';
import { Clock, CLOCK_SKEW, toNumericDate } from '../../common/clock.js';
import { hashSecret, isId } from '../../common/id.js';
import { Settings } from '../../config/settings.js';
import { Database } from '../../database/database.js';
import type { Statement } from '../../database/statement.js';
import type { AssertionAlgorithm } from '../../schema/entities/service-account-key.entity.js';
import { MAX_KEYS } from '../../service-accounts/service-account-keys.service.js';
import {
  firstUseOf,
  GeneralRevocationsService,
  MAX_ASSERTION_LIFETIME,
  wasAllRevokedSince,
} from '../../tokens/general-revocations.service.js';
import { audiencesOf } from '../protocol/paths.js';

const MAX_LENGTH = 4096;

const KEYS = `
  SELECT k."id", k."user_id" AS "userId", k."algorithm", k."jwk", u."staff_organization_id" AS "organizationId"
  FROM "service_account_keys" k
  JOIN "users" u ON u."id" = k."user_id" AND u."type" = 'SERVICE_ACCOUNT' AND u."status" = 'ACTIVE'
  WHERE k."revoked_at" IS NULL`;

const NAMED_KEY: Statement = { name: 'find_assertion_key', sql: `${KEYS} AND k."id" = $1` };

const KEYS_OF_ISSUER: Statement = {
  name: 'find_assertion_keys_of_issuer',
  sql: `${KEYS} AND k."user_id" = $1 ORDER BY k."created_at" DESC LIMIT ${MAX_KEYS}`,
};

const OWN_CLIENT: Statement = {
  name: 'find_client_of_service_account',
  sql: `SELECT s."client_id" AS "clientId" FROM "service_accounts" s WHERE s."user_id" = $1`,
};

/**
 * Marks an assertion as used: of any number of concurrent calls, on any number of instances, one gets a row. No call gets
 * one if everything was revoked after the assertion could have been used.
 */
const USE: Statement = {
  name: 'use_assertion',
  sql: `INSERT INTO "used_assertions" ("id", "expires_at") SELECT $1, $2 WHERE NOT (${wasAllRevokedSince('$3')})
        ON CONFLICT ("id") DO NOTHING RETURNING "id"`,
};

export interface AssertionKey {
  id: string;
  /** The user ID of the service account. */
  userId: string;
  algorithm: AssertionAlgorithm;
  jwk: string;
  organizationId: string;
}

export type AssertionClaims = JWTPayload & { iss: string; sub: string; exp: number; jti?: string };

/** An invalid assertion, with the reason. The engine itself only tells clients that a grant is invalid. */
export class InvalidAssertion extends errors.InvalidGrant {
  constructor(detail: string) {
    super(detail);
    // RFC 6749, section 5.2: the characters that a description may contain.
    this.error_description = detail.replaceAll(/["\\]/g, "'").replaceAll(/[^\x20-\x7e]/g, '?');
  }
}

/** An assertion that its service account has signed but that is refused all the same. The refusal is recorded. */
export class AssertionRefused extends InvalidAssertion {
  constructor(
    readonly reason: 'expired' | 'claims' | 'client' | 'subject' | 'replayed',
    detail: string,
  ) {
    super(detail);
  }
}

/** Verifies the assertions with which service accounts ask for tokens (RFC 7523, section 3). */
@Injectable()
export class AssertionsService {
  constructor(
    private readonly database: Database,
    private readonly revocations: GeneralRevocationsService,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /** The client of the service account that an assertion names, so that the request need not name the client. */
  async clientOf(assertion: string): Promise<string | undefined> {
    const issuer = unverifiedIssuer(assertion);
    if (issuer === null) return undefined;
    const [row] = await this.database.read<{ clientId: string }>(OWN_CLIENT, [issuer]);
    return row?.clientId;
  }

  /**
   * The key that the assertion names. If it names none, it is the one of the service account's keys that has signed it.
   */
  async requireKey(assertion: string): Promise<AssertionKey> {
    const { kid, alg } = requireHeader(assertion);
    if (kid !== undefined) {
      const [key] = await this.database.read<AssertionKey>(NAMED_KEY, [kid]);
      if (key) return key;
      throw new InvalidAssertion('the kid of the assertion is not the ID of a valid service account key');
    }
    const issuer = unverifiedIssuer(assertion);
    const keys = issuer === null ? [] : await this.database.read<AssertionKey>(KEYS_OF_ISSUER, [issuer]);
    for (const key of keys) if (algorithmsOf(key).includes(alg) && (await hasSigned(key, assertion))) return key;
    throw new InvalidAssertion('the assertion is not signed with a key of the service account in iss');
  }

  /** Verifies an assertion by RFC 7523, section 3. The key sets the algorithm (RFC 8725, section 3.1). */
  async requireClaims(assertion: string, key: AssertionKey): Promise<AssertionClaims> {
    const { payload } = await jwtVerify(assertion, await toCryptoKey(key), {
      algorithms: algorithmsOf(key),
      issuer: key.userId,
      audience: audiencesOf(this.settings.PUBLIC_URL),
      clockTolerance: CLOCK_SKEW,
      currentDate: this.clock.now(),
      requiredClaims: ['iss', 'sub', 'aud', 'exp'],
    }).catch((error: Error) => {
      const detail = `the assertion is not valid: ${error.message}`;
      // jose checks the claims only once the signature is valid.
      if (error instanceof joseErrors.JWTExpired) throw new AssertionRefused('expired', detail);
      if (error instanceof joseErrors.JWTClaimValidationFailed) throw new AssertionRefused('claims', detail);
      throw new InvalidAssertion(detail);
    });
    const claims = payload as AssertionClaims;
    const now = toNumericDate(this.clock.now());
    if (claims.exp > now + MAX_ASSERTION_LIFETIME + CLOCK_SKEW)
      throw new AssertionRefused('claims', 'the assertion is valid for longer than an hour');
    if ((claims.iat ?? 0) > now + CLOCK_SKEW)
      throw new AssertionRefused('claims', 'the assertion was issued in the future');
    const { jti } = claims;
    if (jti !== undefined && (typeof jti !== 'string' || jti === '' || jti.length > 255))
      throw new AssertionRefused('claims', 'jti must be a string of 1 to 255 characters');
    return claims;
  }

  /**
   * Marks an assertion as used. Without a `jti`, the signed content identifies it and not the whole assertion: anybody
   * can make a second valid signature from an ECDSA signature.
   */
  async use(assertion: string, claims: AssertionClaims): Promise<void> {
    const { iss, jti, exp } = claims;
    const expiresAt = new Date((exp + 2 * CLOCK_SKEW) * 1000);
    const name = jti === undefined ? assertion.slice(0, assertion.lastIndexOf('.')) : `${iss}\n${jti}`;
    const used = await this.database.write(USE, [hashSecret(name), expiresAt, firstUseOf(claims)]);
    if (used.length > 0) return;
    if (await this.revocations.wasUsableBefore(claims))
      throw new AssertionRefused('replayed', 'the assertion is from before all tokens were revoked: sign a new one');
    const detail = jti === undefined ? 'give each assertion its own jti' : 'each jti can be used once';
    throw new AssertionRefused('replayed', `the assertion was already used: ${detail}`);
  }
}

function requireHeader(assertion: string): { alg: string; kid?: string } {
  try {
    if (assertion.length > MAX_LENGTH) throw new Error('too long');
    const { alg = '', kid, ...rest } = decodeProtectedHeader(assertion);
    const isPlain = Object.keys(rest).every((name) => name === 'typ');
    if (isPlain && kid === undefined) return { alg };
    if (isPlain && typeof kid === 'string' && isId(kid)) return { alg, kid };
  } catch {
    throw new InvalidAssertion('the assertion is not a signed JWT');
  }
  throw new InvalidAssertion(
    'the header of the assertion must contain alg. Apart from that it can contain only typ, and the ID of the key as kid',
  );
}

/** The names of the algorithms that a key verifies with (RFC 9864, section 2.2). */
function algorithmsOf({ algorithm }: AssertionKey): string[] {
  return algorithm === 'EdDSA' ? ['EdDSA', 'Ed25519'] : [algorithm];
}

function toCryptoKey({ jwk, algorithm }: AssertionKey): Promise<CryptoKey | Uint8Array> {
  return importJWK(JSON.parse(jwk) as JWK, algorithm);
}

async function hasSigned(key: AssertionKey, assertion: string): Promise<boolean> {
  return compactVerify(assertion, await toCryptoKey(key), { algorithms: algorithmsOf(key) }).then(
    () => true,
    () => false,
  );
}

function unverifiedIssuer(assertion: string): string | null {
  try {
    const { iss } = decodeJwt(assertion);
    return typeof iss === 'string' && isId(iss) ? iss : null;
  } catch {
    return null;
  }
}
