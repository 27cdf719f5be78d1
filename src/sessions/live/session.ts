import type { LoginToken } from '../../schema/entities/login-token.entity.js';

/** A session that is live at this moment. */
export interface LiveSession {
  id: string;
  userId: string;
  loginTokenId: string;
  /** Who let the user in. */
  actorId: string;
  clientId: string;
  /** Which organization started it: that on whose staff the actor is. */
  organizationId: string;
  /** The origin on whose pages it lives in a frame; `null` for an ordinary one. */
  embedOrigin: string | null;
  createdAt: Date;
  /** Unless it is used before then, or at its absolute end. */
  expiresAt: Date;
}

/** A session that was started a moment ago. The secret exists here and in the browser only. */
export interface StartedSession extends Pick<LoginToken, 'secure' | 'returnTo' | 'embedOrigin'> {
  secret: string;
}
