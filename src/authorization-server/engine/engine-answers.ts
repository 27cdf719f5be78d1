import type { IncomingHttpHeaders } from 'node:http';
import { Injectable } from '@nestjs/common';
import { decodeJwt } from 'jose';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { RevocationService } from '../../rights/revocation.service.js';
import { OwnTokensService } from '../../auth/own-tokens.service.js';
import { Database } from '../../database/database.js';
import { RevokedTokensService } from '../../tokens/revoked-tokens.service.js';
import { PUBLISHED_AHEAD } from '../../tokens/signing-keys.service.js';
import { TokensService } from '../../tokens/tokens.service.js';
import { OAuthAuditService } from '../protocol/oauth-audit.service.js';
import { mayIntrospect } from '../protocol/introspection.js';
import { Logouts } from './logouts.service.js';
import { OAuthLimits } from './oauth-limits.service.js';
import { PATHS } from '../protocol/paths.js';
import { RefreshesService } from './refreshes.service.js';

/** Seconds for which clients may cache the key set. A new key is published for longer than that before it signs. */
const KEYS_MAX_AGE = PUBLISHED_AHEAD / 3;

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
    private readonly ownTokens: OwnTokensService,
    private readonly logouts: Logouts,
    private readonly revoked: RevokedTokensService,
    private readonly audit: OAuthAuditService,
    private readonly limits: OAuthLimits,
    private readonly refreshes: RefreshesService,
    private readonly revocation: RevocationService,
    private readonly database: Database,
  ) {}

  /** Completes an answer before it is sent. `browser` has the headers with which the request came. */
  async complete(ctx: KoaContextWithOIDC, browser: IncomingHttpHeaders): Promise<void> {
    if (ctx.path === PATHS.revocation && ctx.status === 200) {
      await this.recordRevocation(ctx);
      // Client libraries parse this body as JSON.
      ctx.body = {};
    }
    if (ctx.path === PATHS.token && ctx.status === 200 && ctx.oidc.params?.grant_type === 'refresh_token')
      await this.refreshes.completeAnswer(ctx);
    if (ctx.path === PATHS.endSessionConfirm) await this.logouts.complete(ctx, browser);
    await this.limits.countWrongCredentials(ctx);
    const body = ctx.body as TokenBody | undefined;
    if (typeof body !== 'object' || body === null) return;
    if (ctx.path === PATHS.discovery) addMetadata(body);
    // How we find the family of a token says nothing to others.
    if (ctx.path === PATHS.introspection) delete body.grant_id;
    if (ctx.path === PATHS.jwks) ctx.set('Cache-Control', `public, max-age=${KEYS_MAX_AGE}`);
    if (ctx.path === PATHS.revocation && body.error === 'unsupported_token_type') await this.revokeAccessToken(ctx);
    else if (ctx.path === PATHS.introspection && body.error === 'unsupported_token_type')
      await this.introspectAccessToken(ctx);
    else if (body.error)
      Object.assign(body, { id: body.id ?? body.error, description: body.error_description ?? body.error });
    if (ctx.path !== PATHS.token) return;
    // RFC 6749, section 5.1, for HTTP/1.0 caches.
    ctx.set('Pragma', 'no-cache');
    // An access token for UserInfo is no JWT.
    if (body.access_token?.includes('.')) body.jti ??= decodeJwt(body.access_token).jti;
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

  /** Answers what an access token for the API is good for. The engine knows only tokens that it stores. */
  private async introspectAccessToken(ctx: KoaContextWithOIDC): Promise<void> {
    const token = String(ctx.oidc.params?.token);
    const claims = await this.tokens.find('access', token);
    ctx.status = 200;
    ctx.body = { active: false };
    if (!claims || !(await (await this.ownTokens.verify(token)).isLive())) return;
    if (!(await mayIntrospect(ctx, ctx.oidc.client!, { clientId: claims.client_id }))) return;
    const { kid: _kid, grant_id: _grant, key_id: _key, ...shown } = claims;
    ctx.body = { ...shown, active: true, token_type: 'Bearer' };
  }

  /** Records that the engine has revoked a refresh token with its family, or an access token that it stores. */
  private async recordRevocation(ctx: KoaContextWithOIDC): Promise<void> {
    const { RefreshToken, AccessToken } = ctx.oidc.entities;
    const token = RefreshToken ?? AccessToken;
    const clientId = ctx.oidc.client?.clientId ?? null;
    if (!token?.accountId || token.clientId !== clientId) return;
    const details = RefreshToken && { grant: 'refresh_token' };
    await this.audit.record({ event: 'TOKEN_REVOKED', userId: token.accountId, clientId, details });
  }
}

/**
 * Adds what the endpoints for programs support: without these members, only client_secret_basic would be supported. Adds
 * logout tokens too, which the service sends itself, and not by the engine.
 */
function addMetadata(metadata: Record<string, unknown>): void {
  for (const endpoint of ['revocation', 'introspection']) {
    metadata[`${endpoint}_endpoint_auth_methods_supported`] = metadata.token_endpoint_auth_methods_supported;
    metadata[`${endpoint}_endpoint_auth_signing_alg_values_supported`] =
      metadata.token_endpoint_auth_signing_alg_values_supported;
  }
  // OpenID Connect Back-Channel Logout 1.0, section 2.1
  metadata.backchannel_logout_supported = true;
  metadata.backchannel_logout_session_supported = true;
}
