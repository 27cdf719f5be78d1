import { Injectable } from '@nestjs/common';
import { compactVerify, decodeProtectedHeader, errors as joseErrors, importJWK, jwtVerify } from 'jose';
import type { CryptoKey, JWK, JWTPayload } from 'jose';
import { errors } from 'oidc-provider';
import type { KoaContextWithOIDC, Provider, ResourceServer } from 'oidc-provider';
import { TARGET_SQL, targetOf } from '../../access/access.policy.js';
import { AccessService } from '../../access/access.service.js';
import { toDto } from '../../common/errors/validation.js';
import { AccessQueryDto } from '../../access/dto/access-query.dto.js';
import { AuditService } from '../../audit/audit.service.js';
import type { Caller } from '../../auth/caller.js';
import { Clock, toNumericDate } from '../../common/clock.js';
import { DomainError } from '../../common/errors/errors.js';
import { hashSecret, isId } from '../../common/id.js';
import { Settings } from '../../config/settings.js';
import { Database } from '../../database/database.js';
import type { Statement } from '../../database/statement.js';
import { parseUserRef } from '../../users/user-ref.js';
import type { UserRef } from '../../users/user-ref.js';
import type { AssertionAlgorithm } from '../service-account-key.entity.js';
import { MAX_KEYS } from '../service-account-keys.service.js';
import { isCompatible, withoutOpenId } from './compatibility.js';
import { audiencesOf } from './paths.js';

/** Seconds that the clock of whoever made an assertion may be off, and that it may be good at most. */
const CLOCK_SKEW = 60;
const MAX_LIFETIME = 3600;
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

const FACTS = Object.fromEntries(
  Object.entries(TARGET_SQL).map(([kind, { user, next }]) => {
    const [client, organization] = [`$${next}`, `$${next + 1}`];
    const sql = `
      SELECT EXISTS (SELECT 1 FROM "clients" c WHERE c."id" = ${client} AND c."organization_id" = ${organization}) AS "isOwnClient",
             (SELECT u."id" FROM "users" u
              WHERE u."id" = ${user} AND u."organization_id" = ${organization} AND u."type" = 'USER') AS "managedId"`;
    return [kind, { name: `explain_assertion_${kind}`, sql }];
  }),
) as Record<keyof typeof TARGET_SQL, Statement>;

/** Of any number of calls at once, on any number of instances, one gets a row back. */
const USE: Statement = {
  name: 'use_assertion',
  sql: `INSERT INTO "used_assertions" ("id", "expires_at") VALUES ($1, $2) ON CONFLICT ("id") DO NOTHING RETURNING "id"`,
};

interface AssertionKey {
  id: string;
  /** The service account. */
  userId: string;
  algorithm: AssertionAlgorithm;
  jwk: string;
  organizationId: string;
}

type Claims = JWTPayload & { iss: string; sub: string; exp: number; jti?: string };

/** Says why: the engine tells clients nothing but that a grant is invalid. */
class InvalidAssertion extends errors.InvalidGrant {
  constructor(detail: string) {
    super(detail);
    // RFC 6749, section 5.2: the characters of a description.
    this.error_description = detail.replaceAll(/["\\]/g, "'").replaceAll(/[^\x20-\x7e]/g, '?');
  }
}

/** It was signed by the service account that it names, and is refused all the same: that is recorded. */
class AssertionRefused extends InvalidAssertion {
  constructor(
    readonly reason: 'expired' | 'claims' | 'client' | 'subject' | 'replayed',
    detail: string,
  ) {
    super(detail);
  }
}

/**
 * The JWT bearer grant (RFC 7523, section 2.1): a service account asks with an assertion, for itself or for a user
 * that its organization manages and that the policy of API.md, section 2, lets it let in.
 */
@Injectable()
export class JwtBearerGrant {
  constructor(
    private readonly database: Database,
    private readonly access: AccessService,
    private readonly audit: AuditService,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /** The client of the service account that an assertion names, so that a request needs to name none. */
  async clientOf(assertion: string): Promise<string | undefined> {
    const issuer = unverifiedIssuer(assertion);
    if (issuer === null) return undefined;
    const [row] = await this.database.read<{ clientId: string }>(OWN_CLIENT, [issuer]);
    return row?.clientId;
  }

  async answer(ctx: KoaContextWithOIDC, provider: Provider, resourceServer: ResourceServer): Promise<void> {
    const params = ctx.oidc.params as Record<string, string | undefined>;
    if (!params.assertion) throw new errors.InvalidRequest("missing required parameter(s) 'assertion'");
    const key = await this.requireKey(params.assertion);
    const caller: Caller = { userId: key.userId, clientId: ctx.oidc.client!.clientId, keyId: key.id };
    const about = { organizationId: key.organizationId, by: caller };
    try {
      const claims = await this.requireClaims(params.assertion, key);
      const userId = await this.requireSubject(caller, key, claims);
      await this.use(params.assertion, claims);
      await this.audit.write({ event: 'ASSERTION_USED', ...about, userId, details: { key: key.id } });
      await this.give(ctx, provider, resourceServer, { caller, userId });
    } catch (error) {
      const reason = reasonOf(error);
      if (reason) await this.audit.refuse({ event: 'ASSERTION_REFUSED', ...about, details: { key: key.id, reason } });
      throw error;
    }
  }

  private async give(
    ctx: KoaContextWithOIDC,
    provider: Provider,
    resourceServer: ResourceServer,
    { caller, userId }: { caller: Caller; userId: string },
  ): Promise<void> {
    const params = ctx.oidc.params as Record<string, string | undefined>;
    if (params.resource === `${this.settings.PUBLIC_URL}/login`) {
      ctx.body = await this.loginToken(caller, userId, params);
      return;
    }
    if (params.resource !== undefined && params.resource !== resourceServer.audience) throw new errors.InvalidTarget();
    ctx.body = await this.accessToken(ctx, provider, resourceServer, { caller, userId });
  }

  /** The key that the assertion names; where it names none, that of the service account's keys which has signed it. */
  private async requireKey(assertion: string): Promise<AssertionKey> {
    const { kid, alg } = requireHeader(assertion);
    if (kid !== undefined) {
      const [key] = await this.database.read<AssertionKey>(NAMED_KEY, [kid]);
      if (key) return key;
      throw new InvalidAssertion('the assertion names no key of a service account');
    }
    const issuer = unverifiedIssuer(assertion);
    const keys = issuer === null ? [] : await this.database.read<AssertionKey>(KEYS_OF_ISSUER, [issuer]);
    for (const key of keys) if (algorithmsOf(key).includes(alg) && (await hasSigned(key, assertion))) return key;
    throw new InvalidAssertion('the assertion is signed with no key of the service account that it has as iss');
  }

  /** RFC 7523, section 3, with the algorithm pinned to the key (RFC 8725, section 3.1). */
  private async requireClaims(assertion: string, key: AssertionKey): Promise<Claims> {
    const { payload } = await jwtVerify(assertion, await toCryptoKey(key), {
      algorithms: algorithmsOf(key),
      issuer: key.userId,
      audience: audiencesOf(this.settings.PUBLIC_URL),
      clockTolerance: CLOCK_SKEW,
      currentDate: this.clock.now(),
      requiredClaims: ['iss', 'sub', 'aud', 'exp'],
    }).catch((error: Error) => {
      const detail = `the assertion is not valid: ${error.message}`;
      // The claims are looked at once the signature is good.
      if (error instanceof joseErrors.JWTExpired) throw new AssertionRefused('expired', detail);
      if (error instanceof joseErrors.JWTClaimValidationFailed) throw new AssertionRefused('claims', detail);
      throw new InvalidAssertion(detail);
    });
    const claims = payload as Claims;
    const now = toNumericDate(this.clock.now());
    if (claims.exp > now + MAX_LIFETIME + CLOCK_SKEW)
      throw new AssertionRefused('claims', 'the assertion is good for longer than an hour');
    if ((claims.iat ?? 0) > now + CLOCK_SKEW)
      throw new AssertionRefused('claims', 'the assertion was issued in the future');
    const { jti } = claims;
    if (jti !== undefined && (typeof jti !== 'string' || jti === '' || jti.length > 255))
      throw new AssertionRefused('claims', 'jti is a text of at most 255 characters');
    return claims;
  }

  /** The id of whom the assertion is for: `sub` is any user reference of API.md, section 1. */
  private async requireSubject(caller: Caller, { organizationId }: AssertionKey, { sub }: Claims): Promise<string> {
    const { kind, parameters } = targetOf(caller, requireReference(sub));
    const given = [...parameters, caller.clientId, organizationId];
    const [facts] = await this.database.read<{ isOwnClient: unknown; managedId: string | null }>(FACTS[kind], given);
    if (!facts!.isOwnClient) throw new AssertionRefused('client', 'the client belongs to another organization');
    if (kind === 'id' && parameters[0] === caller.userId) return caller.userId;
    if (facts!.managedId !== null) return facts!.managedId;
    // Without the permission it learns nothing about who exists.
    await asGrant(() => this.access.requireMayObtainTokens(caller));
    throw new AssertionRefused(
      'subject',
      'sub is neither the service account nor a user that its organization manages',
    );
  }

  /**
   * Without a `jti`, what is good once is what was signed: of one signature with ECDSA anybody makes a second one that is as good.
   */
  private async use(assertion: string, { iss, jti, exp }: Claims): Promise<void> {
    const expiresAt = new Date((exp + 2 * CLOCK_SKEW) * 1000);
    const name = jti === undefined ? assertion.slice(0, assertion.lastIndexOf('.')) : `${iss}\n${jti}`;
    const used = await this.database.write(USE, [hashSecret(name), expiresAt]);
    if (used.length > 0) return;
    const detail = jti === undefined ? 'give each one a jti of its own' : 'its jti is good once';
    throw new AssertionRefused('replayed', `the assertion was used before: ${detail}`);
  }

  /** With `resource` the login route: what the access call answers, in the words of RFC 8693, section 2.2.1. */
  private async loginToken(
    caller: Caller,
    sub: string,
    { security, returnTo, embed, delivery, session }: Record<string, string | undefined>,
  ): Promise<object> {
    const { token, url, expires } = await asGrant(() => {
      const options = toDto(AccessQueryDto, { security, returnTo, embed, delivery, session });
      return this.access.issue(caller, { by: 'id', id: sub }, options);
    });
    const expiresIn = Math.round((Date.parse(expires) - this.clock.now().getTime()) / 1000);
    // RFC 8693 has N_A for what is no credential of an API, which libraries refuse.
    return { access_token: token, token_type: 'Bearer', expires_in: expiresIn, url };
  }

  /** What a host appends to addresses that was written for Drillster also starts a session, once. */
  private async permit(caller: Caller, userId: string, isStrict: boolean): Promise<string | undefined> {
    if (!isStrict) return this.access.issueId(caller, userId);
    await this.access.requireMayLetIn(caller, userId);
    return undefined;
  }

  private async accessToken(
    ctx: KoaContextWithOIDC,
    provider: Provider,
    resourceServer: ResourceServer,
    { caller, userId }: { caller: Caller; userId: string },
  ): Promise<object> {
    const isItself = userId === caller.userId;
    const { client, params } = ctx.oidc;
    const isStrict = !isCompatible(client) || withoutOpenId(String(params!.scope ?? '')).askedOpenId;
    const jti = isItself ? undefined : await asGrant(() => this.permit(caller, userId, isStrict));
    const token = new provider.AccessToken({
      accountId: userId,
      client: client!,
      gty: 'jwt_bearer',
      scope: resourceServer.scope,
    } as never);
    token.resourceServer = new provider.ResourceServer(resourceServer.audience as string, resourceServer) as never;
    // The engine chooses the format when it makes the identifier.
    if (jti) Object.assign(token, { jti, format: resourceServer.accessTokenFormat });
    ctx.oidc.entity('AccessToken', token);
    ctx.state.claims = { key_id: caller.keyId, ...(isItself ? {} : { act: { sub: caller.userId } }) };
    return {
      access_token: await token.save(),
      token_type: 'Bearer',
      expires_in: token.expiration,
      scope: resourceServer.scope,
    };
  }
}

/** A refusal of the policy in the words of RFC 6749, section 5.2, with the contract's id beside them. */
async function asGrant<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DomainError) || error.status >= 500) throw error;
    const isRequest = error.id === 'incorrect_field';
    throw isRequest
      ? new errors.InvalidRequest(error.message)
      : Object.assign(new InvalidAssertion(error.message), { cause: error });
  }
}

/** Why an assertion with a good signature gave nothing; `null` for what is not its fault. */
export function reasonOf(error: unknown): string | null {
  if (error instanceof AssertionRefused) return error.reason;
  return error instanceof errors.InvalidGrant && error.cause instanceof DomainError ? error.cause.id : null;
}

function requireHeader(assertion: string): { alg: string; kid?: string } {
  try {
    if (assertion.length > MAX_LENGTH) throw new Error('too long');
    const { alg = '', kid, ...rest } = decodeProtectedHeader(assertion);
    const isPlain = Object.keys(rest).every((name) => name === 'typ');
    if (isPlain && kid === undefined) return { alg };
    if (isPlain && typeof kid === 'string' && isId(kid)) return { alg, kid };
  } catch {
    throw new InvalidAssertion('the assertion is no signed JWT');
  }
  throw new InvalidAssertion('the header of the assertion has alg, and perhaps typ, and kid, the id of the key');
}

/** The algorithms that a key verifies with, by all of their names (RFC 9864, section 2.2). */
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

function requireReference(sub: unknown): UserRef {
  try {
    if (typeof sub === 'string') return parseUserRef(sub);
  } catch {
    // As for what is no text.
  }
  throw new AssertionRefused('claims', 'sub is a user ID, an e-mail address or a third-party ID (CODE$ID)');
}

function unverifiedIssuer(assertion: string): string | null {
  try {
    const { iss } = JSON.parse(Buffer.from(assertion.split('.')[1] ?? '', 'base64url').toString()) as { iss?: unknown };
    return typeof iss === 'string' && isId(iss) ? iss : null;
  } catch {
    return null;
  }
}
