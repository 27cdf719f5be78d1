import { Injectable } from '@nestjs/common';
import { SignJWT } from 'jose';
import { Clock, toNumericDate } from '../common/clock.js';
import { newId } from '../common/id.js';
import { Settings } from '../config/settings.js';
import type { IdTokenAlgorithm } from '../schema/entities/client.entity.js';
import type { KeyPurpose } from '../schema/entities/signing-key.entity.js';
import { KeyRing } from '../tokens/key-ring.js';

/** OpenID Connect Back-Channel Logout 1.0, section 2.4 */
const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
/** Two minutes, as the specification recommends in section 4. */
const LIFETIME_SECONDS = 120;

/** An application's keys sign its logout tokens too. */
const PURPOSES: Record<IdTokenAlgorithm, KeyPurpose> = { RS256: 'ID_RS256', ES256: 'ID_ES256', EdDSA: 'ID_EDDSA' };

/** Whose session has ended at which application. */
interface EndedSession {
  clientId: string;
  userId: string;
  /** The session's `sid`; `null` if the token is not to name the session. */
  sid: string | null;
  algorithm: IdTokenAlgorithm;
}

/** Signs logout tokens (OpenID Connect Back-Channel Logout 1.0, section 2.4). */
@Injectable()
export class LogoutTokenService {
  constructor(
    private readonly keys: KeyRing,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /** A new token with a `jti` of its own, because applications refuse a token that they have seen. */
  async sign({ clientId, userId, sid, algorithm }: EndedSession): Promise<string> {
    await this.keys.refresh();
    const { kid, signing } = this.keys.signing(PURPOSES[algorithm]);
    const now = toNumericDate(this.clock.now());
    return new SignJWT({ events: { [EVENT]: {} }, ...(sid !== null && { sid }) })
      .setProtectedHeader({ alg: algorithm, typ: 'logout+jwt', kid })
      .setIssuer(this.settings.PUBLIC_URL)
      .setSubject(userId)
      .setAudience(clientId)
      .setJti(newId())
      .setIssuedAt(now)
      .setExpirationTime(now + LIFETIME_SECONDS)
      .sign(signing);
  }
}
