import { Injectable } from '@nestjs/common';
import type { errors, KoaContextWithOIDC } from 'oidc-provider';
import { AttemptsService } from '../../auth/attempts.service.js';
import { DomainError } from '../../common/errors/errors.js';
import { reasonOf } from './jwt-bearer.grant.js';
import { isReplay } from './oauth-audit.service.js';

/** RFC 6749, section 5.2: what clients, codes, refresh tokens and assertions are refused with. */
const WRONG = new Set(['invalid_client', 'invalid_grant']);

/** Wrong credentials at the token endpoint and at that of revocation, which are limited like wrong tokens at the API. */
@Injectable()
export class WrongCredentials {
  constructor(private readonly attempts: AttemptsService) {}

  /** Counts what was refused for the address that sent it. Over the limit it is told to wait, whatever the refusal was. */
  async count(ctx: KoaContextWithOIDC): Promise<void> {
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
}

/** What was good once is none, and neither is what was signed with the key that it names: as at the API. */
function isGuess(ctx: KoaContextWithOIDC): boolean {
  const refusal = ctx.state.refusal as errors.OIDCProviderError | undefined;
  if (!refusal || !WRONG.has(refusal.error)) return false;
  return !isReplay(String(ctx.oidc.params?.grant_type), refusal) && reasonOf(refusal) === null;
}
