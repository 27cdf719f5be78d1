import { Injectable } from '@nestjs/common';
import { errors } from 'oidc-provider';
import type { interactionPolicy, KoaContextWithOIDC } from 'oidc-provider';
import { AttemptsService } from '../../limits/attempts.service.js';
import { DomainError } from '../../common/errors/errors.js';
import { reasonOf } from '../grants/jwt-bearer.grant.js';
import { isReplay } from '../protocol/oauth-audit.service.js';

/** RFC 6749, section 5.2: what clients, codes, refresh tokens and assertions are refused with. */
const WRONG = new Set(['invalid_client', 'invalid_grant']);

/** Shown on a page of ours: a client to which it is sent would only begin again. */
export class TooManyBegun extends errors.OIDCProviderError {
  override allow_redirect = false;
  override error_description: string;
  readonly headers: Record<string, string>;

  constructor({ id, message, status, extra }: DomainError) {
    super(status, id);
    this.error_description = message;
    this.headers = extra.headers ?? {};
  }
}

/** How much strangers may ask of the authorization server. */
@Injectable()
export class OAuthLimits {
  constructor(private readonly attempts: AttemptsService) {}

  /**
   * Counts credentials that were refused at the token endpoint or that of revocation, as wrong tokens are at the API: for
   * the address that sent them. Over the limit it is told to wait, whatever the refusal was.
   */
  async countWrong(ctx: KoaContextWithOIDC): Promise<void> {
    if (!isGuess(ctx)) return;
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

  /** The same policy, each of whose pages is counted before anything is kept for it. */
  counting(policy: interactionPolicy.DefaultPolicy): interactionPolicy.DefaultPolicy {
    for (const prompt of policy) {
      const details = prompt.details.bind(prompt);
      prompt.details = async (ctx) => {
        await this.countBegun(ctx);
        return details(ctx);
      };
    }
    return policy;
  }

  /** Only the first page of a sign-in counts: one that goes on takes the place of the one before. */
  private async countBegun({ oidc, ip }: KoaContextWithOIDC): Promise<void> {
    if (oidc.route !== 'authorization' || oidc.prompts.has('none')) return;
    try {
      await this.attempts.countInteraction(ip);
    } catch (error) {
      throw error instanceof DomainError ? new TooManyBegun(error) : error;
    }
  }
}

/** What was good once is none, and neither is what was signed with the key that it names: as at the API. */
function isGuess(ctx: KoaContextWithOIDC): boolean {
  const refusal = ctx.state.refusal as errors.OIDCProviderError | undefined;
  if (!refusal || !WRONG.has(refusal.error)) return false;
  return !isReplay(ctx) && reasonOf(refusal) === null;
}
