import { Injectable } from '@nestjs/common';
import { TokensService } from '../tokens/tokens.service.js';
import type { AuthenticatedCaller } from '../common/caller.js';
import { TokenStateService } from './token-state.service.js';

/** What is kept of a token whose signature was checked. */
export interface VerifiedToken {
  caller: AuthenticatedCaller;
  /** Whether it has neither expired nor outlived its key. Asked at every call. */
  isStillGood: () => boolean;
  /** Whether what it came from is still there. Asks the database, in one round trip. */
  isLive: () => Promise<boolean>;
}

/** The access tokens that the service itself has signed. */
@Injectable()
export class OwnTokensService {
  constructor(
    private readonly tokens: TokensService,
    private readonly state: TokenStateService,
  ) {}

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
    const origin = { caller, tokenId: jti, grantId: grant_id ?? null, keyId: key_id ?? null, kid };
    return {
      caller,
      isStillGood: () => this.tokens.isStillGood('access', { exp, kid }),
      isLive: () => this.state.isLive(origin),
    };
  }
}
