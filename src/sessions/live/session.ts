import type { LoginToken } from '../../schema/entities/login-token.entity.js';

/** A session that is live now. */
export interface LiveSession {
  /** The ID of the login token that started it. */
  id: string;
  userId: string;
  /** Who let the user in. */
  actorId: string;
  clientId: string;
  /** The organization that started the session: the one on whose staff the actor is. */
  organizationId: string;
  /** The origin whose pages frame the session; `null` for an ordinary session. */
  embedOrigin: string | null;
  createdAt: Date;
  /** When the session ends if it is not used before, at its absolute end at the latest. */
  expiresAt: Date;
}

/** A session that was just started. Only this object and the browser have its secret, the cookie's value. */
export interface StartedSession extends Pick<LoginToken, 'secure' | 'returnTo' | 'embedOrigin'> {
  secret: string;
}
