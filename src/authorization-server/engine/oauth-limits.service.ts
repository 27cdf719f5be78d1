import { Injectable } from '@nestjs/common';
import { errors } from 'oidc-provider';
import type { interactionPolicy, KoaContextWithOIDC } from 'oidc-provider';
import { AttemptsService } from '../../limits/attempts.service.js';
import { DomainError } from '../../common/errors/errors.js';
import { reasonOf } from '../grants/jwt-bearer.grant.js';
import { isReplay } from '../protocol/oauth-audit.service.js';
import { PATHS } from '../protocol/paths.js';

/**
 * The errors for wrong clients, codes, refresh tokens and assertions (RFC 6749, section 5.2), and for wrong access tokens
 * at UserInfo (RFC 6750, section 3.1).
 */
const WRONG_CREDENTIALS = new Set(['invalid_client', 'invalid_grant', 'invalid_token']);

/** An error that is shown on our own page. If it were sent to the client, the client would only start again. */
export class TooManyInteractions extends errors.OIDCProviderError {
  override allow_redirect = false;
  override error_description: string;
  readonly headers: Record<string, string>;

  constructor({ id, message, status, extra }: DomainError) {
    super(status, id);
    this.error_description = message;
    this.headers = extra.headers ?? {};
  }
}

/** Limits requests to the authorization server. */
@Injectable()
export class OAuthLimits {
  constructor(private readonly attempts: AttemptsService) {}

  /**
   * Counts credentials that an endpoint for programs refused, by the address that sent them, as the API counts wrong
   * tokens. Over the limit, the client is told to wait, whatever the refusal was.
   */
  async countWrongCredentials(ctx: KoaContextWithOIDC): Promise<void> {
    if (!(await isGuess(ctx))) return;
    try {
      await this.attempts.countWrongCredentials(ctx.ip);
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      ctx.remove('WWW-Authenticate');
      ctx.set({ ...error.extra.headers, 'Cache-Control': 'no-store' });
      ctx.status = error.status;
      ctx.body = { error: error.id, error_description: error.message };
      ctx.type = 'json';
    }
  }

  /** Makes a policy count each page before anything is stored for it. */
  countInteractions(policy: interactionPolicy.DefaultPolicy): interactionPolicy.DefaultPolicy {
    for (const prompt of policy) {
      const details = prompt.details.bind(prompt);
      prompt.details = async (ctx) => {
        await this.countInteraction(ctx);
        return details(ctx);
      };
    }
    return policy;
  }

  /** Counts the first page of a sign-in only. Every further page replaces the one before. */
  private async countInteraction({ oidc, ip }: KoaContextWithOIDC): Promise<void> {
    if (oidc.route !== 'authorization' || oidc.prompts.has('none')) return;
    try {
      await this.attempts.countInteraction(ip);
    } catch (error) {
      throw error instanceof DomainError ? new TooManyInteractions(error) : error;
    }
  }
}

/**
 * Whether a refusal counts as a guess. Credentials that were valid once do not count, and neither do those with a good
 * signature.
 */
async function isGuess(ctx: KoaContextWithOIDC): Promise<boolean> {
  const refusal = ctx.state.refusal as errors.OIDCProviderError | undefined;
  if (!refusal || !WRONG_CREDENTIALS.has(refusal.error)) return false;
  if (ctx.path === PATHS.userinfo) return hasUnknownToken(ctx);
  return !isReplay(ctx) && reasonOf(refusal) === null;
}

/** Whether the token at UserInfo was never issued. One whose session has ended was. */
async function hasUnknownToken({ oidc }: KoaContextWithOIDC): Promise<boolean> {
  let token: string;
  try {
    token = oidc.getAccessToken();
  } catch {
    return false;
  }
  return (await oidc.provider.AccessToken.adapter.find(token)) === undefined;
}
