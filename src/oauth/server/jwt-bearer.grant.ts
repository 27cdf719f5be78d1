import { Injectable } from '@nestjs/common';
import { decodeProtectedHeader, errors as joseErrors, importJWK, jwtVerify } from 'jose';
import type { JWK, JWTPayload } from 'jose';
import { errors } from 'oidc-provider';
import type { KoaContextWithOIDC, Provider, ResourceServer } from 'oidc-provider';
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

/** Seconds that the clock of whoever made an assertion may be off, and that it may be good at most. */
const CLOCK_SKEW = 60;
const MAX_LIFETIME = 3600;
const MAX_LENGTH = 4096;

/** What names the key. Nothing else in a header is looked at, and what would bring a key of its own is refused. */
const HEADER_PARAMETERS = new Set(['alg', 'typ', 'kid']);

const KEY: Statement = {
  name: 'find_assertion_key',
  sql: `SELECT k."user_id" AS "userId", k."algorithm", k."jwk", u."staff_organization_id" AS "organizationId", s."client_id" AS "clientId"
        FROM "service_account_keys" k
        JOIN "users" u ON u."id" = k."user_id" AND u."type" = 'SERVICE_ACCOUNT' AND u."status" = 'ACTIVE'
        JOIN "service_accounts" s ON s."user_id" = k."user_id"
        WHERE k."id" = $1 AND k."revoked_at" IS NULL`,
};

const OWN_CLIENT: Statement = {
  name: 'find_client_of_service_account',
  sql: `SELECT s."client_id" AS "clientId" FROM "service_accounts" s WHERE s."user_id" = $1`,
};

const FACTS: Statement = {
  name: 'explain_assertion',
  sql: `SELECT EXISTS (SELECT 1 FROM "clients" c WHERE c."id" = $1 AND c."organization_id" = $2) AS "isOwnClient",
               EXISTS (SELECT 1 FROM "users" u WHERE u."id" = $3 AND u."organization_id" = $2 AND u."type" = 'USER') AS "isManaged"`,
};

/** Of any number of calls at once, on any number of instances, one gets a row back. */
const USE: Statement = {
  name: 'use_assertion',
  sql: `INSERT INTO "used_assertions" ("id", "expires_at") VALUES ($1, $2) ON CONFLICT ("id") DO NOTHING RETURNING "id"`,
};

interface AssertionKey {
  userId: string;
  algorithm: string;
  jwk: string;
  organizationId: string;
  clientId: string;
}

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

interface Assertion {
  keyId: string;
  key: AssertionKey;
  claims: JWTPayload & { iss: string; sub: string; exp: number; jti: string };
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
    const { keyId, key } = await this.requireKey(params.assertion);
    const caller: Caller = { userId: key.userId, clientId: ctx.oidc.client!.clientId, keyId };
    const about = { organizationId: key.organizationId, by: caller };
    try {
      const claims = await this.requireClaims(params.assertion, key);
      await this.requireFacts(caller, key, claims);
      await this.use(claims);
      await this.audit.write({ event: 'ASSERTION_USED', ...about, userId: claims.sub, details: { key: keyId } });
      await this.give(ctx, provider, resourceServer, { keyId, caller, claims });
    } catch (error) {
      const reason = reasonOf(error);
      if (reason) await this.audit.refuse({ event: 'ASSERTION_REFUSED', ...about, details: { key: keyId, reason } });
      throw error;
    }
  }

  private async give(
    ctx: KoaContextWithOIDC,
    provider: Provider,
    resourceServer: ResourceServer,
    { keyId, caller, claims }: { keyId: string; caller: Caller; claims: Assertion['claims'] },
  ): Promise<void> {
    const params = ctx.oidc.params as Record<string, string | undefined>;
    if (params.resource === `${this.settings.PUBLIC_URL}/login`) {
      ctx.body = await this.loginToken(caller, claims.sub, params);
      return;
    }
    if (params.resource !== undefined && params.resource !== resourceServer.audience) throw new errors.InvalidTarget();
    ctx.body = await this.accessToken(ctx, provider, resourceServer, { caller, keyId, sub: claims.sub });
  }

  private async requireKey(assertion: string): Promise<Omit<Assertion, 'claims'>> {
    const keyId = requireKeyId(assertion);
    const [key] = await this.database.read<AssertionKey>(KEY, [keyId]);
    if (!key) throw new InvalidAssertion('the assertion names no key of a service account');
    return { keyId, key };
  }

  /** RFC 7523, section 3, with the algorithm pinned to the key (RFC 8725, section 3.1). */
  private async requireClaims(assertion: string, key: AssertionKey): Promise<Assertion['claims']> {
    const jwk = await importJWK(JSON.parse(key.jwk) as JWK, key.algorithm);
    const { PUBLIC_URL } = this.settings;
    const { payload } = await jwtVerify(assertion, jwk, {
      algorithms: [key.algorithm],
      issuer: key.userId,
      audience: [PUBLIC_URL, `${PUBLIC_URL}/oauth/token`],
      clockTolerance: CLOCK_SKEW,
      currentDate: this.clock.now(),
      requiredClaims: ['iss', 'sub', 'aud', 'exp', 'jti'],
    }).catch((error: Error) => {
      const detail = `the assertion is not valid: ${error.message}`;
      // The claims are looked at once the signature is good.
      if (error instanceof joseErrors.JWTExpired) throw new AssertionRefused('expired', detail);
      if (error instanceof joseErrors.JWTClaimValidationFailed) throw new AssertionRefused('claims', detail);
      throw new InvalidAssertion(detail);
    });
    const claims = payload as Assertion['claims'];
    const now = toNumericDate(this.clock.now());
    if (claims.exp > now + MAX_LIFETIME + CLOCK_SKEW)
      throw new AssertionRefused('claims', 'the assertion is good for longer than an hour');
    if ((claims.iat ?? 0) > now + CLOCK_SKEW)
      throw new AssertionRefused('claims', 'the assertion was issued in the future');
    if (typeof claims.sub !== 'string' || !isId(claims.sub))
      throw new AssertionRefused('claims', 'sub is the id of an account');
    if (typeof claims.jti !== 'string' || claims.jti === '' || claims.jti.length > 255)
      throw new AssertionRefused('claims', 'jti is a text of at most 255 characters');
    return claims;
  }

  private async requireFacts(caller: Caller, key: AssertionKey, { sub }: Assertion['claims']): Promise<void> {
    const [facts] = await this.database.read<{ isOwnClient: unknown; isManaged: unknown }>(FACTS, [
      caller.clientId,
      key.organizationId,
      sub,
    ]);
    if (!facts!.isOwnClient) throw new AssertionRefused('client', 'the client belongs to another organization');
    if (sub !== caller.userId && !facts!.isManaged)
      throw new AssertionRefused(
        'subject',
        'sub is neither the service account nor a user that its organization manages',
      );
  }

  private async use({ iss, jti, exp }: Assertion['claims']): Promise<void> {
    const expiresAt = new Date((exp + 2 * CLOCK_SKEW) * 1000);
    const used = await this.database.write(USE, [hashSecret(`${iss}\n${jti}`), expiresAt]);
    if (used.length === 0)
      throw new AssertionRefused('replayed', 'the assertion was used before: its jti is good once');
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
    return { access_token: token, token_type: 'N_A', expires_in: expiresIn, url };
  }

  private async accessToken(
    ctx: KoaContextWithOIDC,
    provider: Provider,
    resourceServer: ResourceServer,
    { caller, keyId, sub }: { caller: Caller; keyId: string; sub: string },
  ): Promise<object> {
    const isItself = sub === caller.userId;
    if (!isItself) await asGrant(() => this.access.requireMayLetIn(caller, sub));
    const token = new provider.AccessToken({
      accountId: sub,
      client: ctx.oidc.client!,
      gty: 'jwt_bearer',
      scope: resourceServer.scope,
    } as never);
    token.resourceServer = new provider.ResourceServer(resourceServer.audience as string, resourceServer) as never;
    ctx.oidc.entity('AccessToken', token);
    ctx.state.claims = { key_id: keyId, ...(isItself ? {} : { act: { sub: caller.userId } }) };
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

function requireKeyId(assertion: string): string {
  try {
    if (assertion.length > MAX_LENGTH) throw new Error('too long');
    const header = decodeProtectedHeader(assertion);
    const isPlain = Object.keys(header).every((name) => HEADER_PARAMETERS.has(name));
    if (isPlain && typeof header.kid === 'string' && isId(header.kid)) return header.kid;
  } catch {
    throw new InvalidAssertion('the assertion is no signed JWT');
  }
  throw new InvalidAssertion('the header of the assertion has alg, typ and kid, the id of the key');
}

function unverifiedIssuer(assertion: string): string | null {
  try {
    const { iss } = JSON.parse(Buffer.from(assertion.split('.')[1] ?? '', 'base64url').toString()) as { iss?: unknown };
    return typeof iss === 'string' && isId(iss) ? iss : null;
  } catch {
    return null;
  }
}
