import { Injectable } from '@nestjs/common';
import { decodeJwt } from 'jose';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { RevocationService } from '../../rights/revocation.service.js';
import { SCOPE } from '../../auth/called-by.decorator.js';
import { Database } from '../../database/database.js';
import { RevokedTokensService } from '../../tokens/revoked-tokens.service.js';
import { PUBLISHED_AHEAD } from '../../tokens/signing-keys.service.js';
import { TokensService } from '../../tokens/tokens.service.js';
import { OAuthAuditService } from '../protocol/oauth-audit.service.js';
import { OAuthLimits } from './oauth-limits.service.js';
import { PATHS } from '../protocol/paths.js';
import { RefreshesService } from './refreshes.service.js';

/** Seconds for which clients may cache the key set. A new key is published for longer than that before it signs. */
const KEYS_MAX_AGE = PUBLISHED_AHEAD / 3;

/** Metadata about the engine as an OpenID provider, which this service is not. */
const NOT_OFFERED = [
  'claims_parameter_supported',
  'claims_supported',
  'claim_types_supported',
  'id_token_signing_alg_values_supported',
  'subject_types_supported',
  'userinfo_endpoint',
  'acr_values_supported',
  'request_parameter_supported',
  'request_uri_parameter_supported',
  'end_session_endpoint',
  'dpop_signing_alg_values_supported',
];

interface TokenBody {
  access_token?: string;
  error?: string;
  error_description?: string;
  [member: string]: unknown;
}

/** Adds the API's own members to the engine's answers, and records what happened. */
@Injectable()
export class EngineAnswers {
  constructor(
    private readonly tokens: TokensService,
    private readonly revoked: RevokedTokensService,
    private readonly audit: OAuthAuditService,
    private readonly limits: OAuthLimits,
    private readonly refreshes: RefreshesService,
    private readonly revocation: RevocationService,
    private readonly database: Database,
  ) {}

  /** Completes an answer before it is sent. */
  async complete(ctx: KoaContextWithOIDC): Promise<void> {
    if (ctx.path === PATHS.revocation && ctx.status === 200) {
      await this.recordRevocation(ctx);
      // Client libraries parse this body as JSON.
      ctx.body = {};
    }
    if (ctx.path === PATHS.token && ctx.status === 200 && ctx.oidc.params?.grant_type === 'refresh_token')
      await this.refreshes.completeAnswer(ctx);
    await this.limits.countWrongCredentials(ctx);
    const body = ctx.body as TokenBody | undefined;
    if (typeof body !== 'object' || body === null) return;
    if (ctx.path === PATHS.metadata) removeOpenIdMetadata(body);
    if (ctx.path === PATHS.jwks) ctx.set('Cache-Control', `public, max-age=${KEYS_MAX_AGE}`);
    if (ctx.path === PATHS.revocation && body.error === 'unsupported_token_type') await this.revokeAccessToken(ctx);
    else if (body.error)
      Object.assign(body, { id: body.id ?? body.error, description: body.error_description ?? body.error });
    if (ctx.path !== PATHS.token) return;
    // RFC 6749, section 5.1, for HTTP/1.0 caches.
    ctx.set('Pragma', 'no-cache');
    if (body.access_token) body.jti ??= decodeJwt(body.access_token).jti;
    await this.audit.recordGrant(ctx, body.jti as string | undefined, ctx.state.refusal);
  }

  /** Revokes an access token. A token that is not this client's is no error (RFC 7009, section 2.2). */
  private async revokeAccessToken(ctx: KoaContextWithOIDC): Promise<void> {
    const claims = await this.tokens.find('access', String(ctx.oidc.params?.token));
    if (claims && claims.client_id === ctx.oidc.client?.clientId) {
      const { sub: userId, client_id: clientId, jti: tokenId, exp, act } = claims;
      await this.database.transaction(async (db) => {
        if (await this.revoked.revoke(tokenId, new Date(exp * 1000), db))
          await this.audit.record({ event: 'TOKEN_REVOKED', userId, clientId, tokenId }, db);
        if (act) await this.revocation.revokeToken(db, tokenId, { userId: act.sub, clientId }, 'RIGHT_REVOKED');
      });
    }
    ctx.status = 200;
    ctx.body = {};
  }

  /** Records that the engine has revoked a refresh token with its family. */
  private async recordRevocation(ctx: KoaContextWithOIDC): Promise<void> {
    const { RefreshToken } = ctx.oidc.entities;
    const clientId = ctx.oidc.client?.clientId ?? null;
    if (!RefreshToken?.accountId || RefreshToken.clientId !== clientId) return;
    const details = { grant: 'refresh_token' };
    await this.audit.record({ event: 'TOKEN_REVOKED', userId: RefreshToken.accountId, clientId, details });
  }
}

/** Removes the metadata of OpenID Connect, and adds what the revocation endpoint supports. */
function removeOpenIdMetadata(metadata: Record<string, unknown>): void {
  for (const name of NOT_OFFERED) delete metadata[name];
  metadata.scopes_supported = [SCOPE];
  // Without this member, only client_secret_basic would be supported at the revocation endpoint.
  metadata.revocation_endpoint_auth_methods_supported = metadata.token_endpoint_auth_methods_supported;
  metadata.revocation_endpoint_auth_signing_alg_values_supported =
    metadata.token_endpoint_auth_signing_alg_values_supported;
}
