import { Injectable } from '@nestjs/common';
import { TokensService } from '../oauth/tokens.service.js';
import type { AuthenticatedCaller } from './caller.js';
import type { TokenOrigin } from './token-state.service.js';

/** What is kept of a token whose signature was checked. */
export interface VerifiedToken extends TokenOrigin {
  caller: AuthenticatedCaller;
  /** Seconds since 1970. */
  exp: number;
}

/** The access tokens that the service itself has signed. */
@Injectable()
export class OwnTokensService {
  constructor(private readonly tokens: TokensService) {}

  /** @throws TokenError */
  async verify(token: string): Promise<VerifiedToken> {
    const { sub, client_id, scope, act, jti, grant_id, key_id, exp, kid } = await this.tokens.verify('access', token);
    const caller = {
      userId: sub,
      clientId: client_id,
      actorId: act?.sub,
      keyId: key_id,
      scopes: typeof scope === 'string' ? scope.split(' ') : [],
    };
    return { caller, tokenId: jti, grantId: grant_id ?? null, keyId: key_id ?? null, kid, exp };
  }

  /** Whether a token that was verified before has neither expired nor outlived its key. */
  isStillGood({ exp, kid }: VerifiedToken): boolean {
    return this.tokens.isStillGood('access', { exp, kid: kid! });
  }
}
