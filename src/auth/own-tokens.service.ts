import { Injectable } from '@nestjs/common';
import { TokensService } from '../tokens/tokens.service.js';
import type { AuthenticatedCaller } from '../common/caller.js';
import { TokenStateService } from './token-state.service.js';

/** A token whose signature was verified, as the cache keeps it. */
export interface VerifiedToken {
  caller: AuthenticatedCaller;
  /** Whether neither the token nor its key has expired. Called for every request. */
  isStillGood: () => boolean;
  /** Whether what the token came from still exists. Queries the database, in one round trip. */
  isLive: () => Promise<boolean>;
}

/** Verifies access tokens that the service itself has signed. */
@Injectable()
export class OwnTokensService {
  constructor(
    private readonly tokens: TokensService,
    private readonly state: TokenStateService,
  ) {}

  /** Verifies a token. @throws TokenError if it is not valid */
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
