import { Injectable } from '@nestjs/common';
import { errors } from 'oidc-provider';
import type { KoaContextWithOIDC, Provider, ResourceServer } from 'oidc-provider';
import { AccessService } from '../../access/access.service.js';
import { toDto } from '../../common/errors/validation.js';
import { AccessQueryDto } from '../../access/dto/access-query.dto.js';
import { AuditService } from '../../audit/audit.service.js';
import type { Caller } from '../../common/caller.js';
import { Clock } from '../../common/clock.js';
import { DomainError } from '../../common/errors/errors.js';
import { Settings } from '../../config/settings.js';
import { Database } from '../../database/database.js';
import { isDatabaseUnavailable } from '../../database/unavailable.js';
import { assertionsRefused, countAccessIssued, countAccessRefused } from '../../telemetry/metrics.js';
import { refParameters, statementsByRef } from '../../schema/user-ref-sql.js';
import { parseUserRef, toNamingRef } from '../../common/user-ref.js';
import type { UserRef } from '../../common/user-ref.js';
import { AssertionRefused, AssertionsService, InvalidAssertion } from './assertions.service.js';
import type { AssertionClaims, AssertionKey } from './assertions.service.js';
import { isCompatible } from '../protocol/compatibility.js';
import { scopesOf } from '../protocol/openid.js';

const FACTS = statementsByRef('explain_assertion', ({ userId, next }) => {
  const [client, organization] = [`$${next}`, `$${next + 1}`];
  return `
    SELECT EXISTS (SELECT 1 FROM "clients" c WHERE c."id" = ${client} AND c."organization_id" = ${organization}) AS "isOwnClient",
           (SELECT u."id" FROM "users" u
            WHERE u."id" = ${userId} AND u."organization_id" = ${organization} AND u."type" = 'USER') AS "managedId"`;
});

interface SubjectFacts {
  isOwnClient: unknown;
  managedId: string | null;
}

/**
 * The JWT bearer grant (RFC 7523, section 2.1). A service account asks with an assertion for a token, for itself or for
 * a user whom its organization manages and whom the policy lets it let in (docs/api.md, section 4.2).
 */
@Injectable()
export class JwtBearerGrant {
  constructor(
    private readonly assertions: AssertionsService,
    private readonly database: Database,
    private readonly access: AccessService,
    private readonly audit: AuditService,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  async answer(ctx: KoaContextWithOIDC, provider: Provider, resourceServer: ResourceServer): Promise<void> {
    try {
      await this.grant(ctx, provider, resourceServer);
    } catch (error) {
      if (error instanceof InvalidAssertion) countRefused(error);
      throw error;
    }
  }

  private async grant(ctx: KoaContextWithOIDC, provider: Provider, resourceServer: ResourceServer): Promise<void> {
    const params = ctx.oidc.params as Record<string, string | undefined>;
    if (!params.assertion) throw new errors.InvalidRequest("missing required parameter(s) 'assertion'");
    const key = await this.assertions.requireKey(params.assertion);
    const caller: Caller = { userId: key.userId, clientId: ctx.oidc.client!.clientId, keyId: key.id };
    const about = { organizationId: key.organizationId, by: caller };
    try {
      const claims = await this.assertions.requireClaims(params.assertion, key);
      const userId = await this.requireSubject(caller, key, claims);
      await this.assertions.use(params.assertion, claims);
      await this.audit.write({ event: 'ASSERTION_USED', ...about, userId, details: { key: key.id } });
      await this.issueToken(ctx, provider, resourceServer, { caller, userId });
    } catch (error) {
      const reason = reasonOf(error);
      if (reason) await this.audit.refuse({ event: 'ASSERTION_REFUSED', ...about, details: { key: key.id, reason } });
      throw error;
    }
  }

  private async issueToken(
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

  /** The ID of the user that the assertion is for. `sub` is any user reference (docs/api.md, section 2.6). */
  private async requireSubject(
    caller: Caller,
    { organizationId }: AssertionKey,
    { sub }: AssertionClaims,
  ): Promise<string> {
    const named = toNamingRef(caller, requireReference(sub));
    const parameters = [...refParameters(named), caller.clientId, organizationId];
    const [facts] = (await this.database.read<SubjectFacts>(FACTS[named.by], parameters)) as [SubjectFacts];
    if (!facts.isOwnClient) throw new AssertionRefused('client', 'the client belongs to another organization');
    if (named.by === 'id' && named.id === caller.userId) return caller.userId;
    if (facts.managedId !== null) return facts.managedId;
    // A service account without the permission must not learn who exists.
    await asGrant(() => this.access.requireMayObtainTokens(caller));
    throw new AssertionRefused('subject', 'sub must be the service account or a user that its organization manages');
  }

  /** If `resource` is the login route: the answer of the access call, in the terms of RFC 8693, section 2.2.1. */
  private async loginToken(
    caller: Caller,
    sub: string,
    { security, returnTo, embed, delivery, session, reason }: Record<string, string | undefined>,
  ): Promise<object> {
    const { token, url, expires } = await asGrant(() =>
      counted(async () => {
        const options = toDto(AccessQueryDto, { security, returnTo, embed, delivery, session, reason });
        return this.access.issue(caller, { by: 'id', id: sub }, options);
      }),
    );
    const expiresIn = Math.round((Date.parse(expires) - this.clock.now().getTime()) / 1000);
    // RFC 8693 defines N_A for tokens that are not for an API, but client libraries refuse it.
    return { access_token: token, token_type: 'Bearer', expires_in: expiresIn, url };
  }

  /**
   * The `jti` of a token that can also start one session, because hosts that were written for Drillster append it to
   * addresses.
   */
  private async authorize(caller: Caller, userId: string, isStrict: boolean): Promise<string | undefined> {
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
    const isStrict = !isCompatible(client) || scopesOf(String(params!.scope ?? '')).includes('openid');
    const jti = isItself ? undefined : await asGrant(() => this.authorize(caller, userId, isStrict));
    const token = new provider.AccessToken({
      accountId: userId,
      client: client!,
      gty: 'jwt_bearer',
      scope: resourceServer.scope,
    } as never);
    token.resourceServer = new provider.ResourceServer(resourceServer.audience as string, resourceServer) as never;
    // The engine chooses the format together with the identifier.
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

/** Reports the policy's refusal as an error of RFC 6749, section 5.2, with the API's error id. */
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

/** Counts a login token that this grant issues, or refuses, as the access call would. */
async function counted<T>(issue: () => Promise<T>): Promise<T> {
  try {
    const answer = await issue();
    countAccessIssued('grant');
    return answer;
  } catch (error) {
    countAccessRefused('grant', idOf(error));
    throw error;
  }
}

function idOf(error: unknown): string {
  if (error instanceof DomainError) return error.id;
  return isDatabaseUnavailable(error) ? 'unavailable' : 'internal_error';
}

function countRefused(error: InvalidAssertion): void {
  if (error instanceof AssertionRefused) assertionsRefused[error.reason].inc();
  else assertionsRefused[error.cause instanceof DomainError ? 'not_allowed' : 'key'].inc();
}

/** Why an assertion with a valid signature was refused, or `null` if the assertion is not the reason. */
export function reasonOf(error: unknown): string | null {
  if (error instanceof AssertionRefused) return error.reason;
  return error instanceof errors.InvalidGrant && error.cause instanceof DomainError ? error.cause.id : null;
}

function requireReference(sub: unknown): UserRef {
  try {
    if (typeof sub === 'string') return parseUserRef(sub);
  } catch {
    // A value that is not text gets the same error.
  }
  throw new AssertionRefused('claims', 'sub must be a user ID, an e-mail address or a third-party ID (CODE$ID)');
}
