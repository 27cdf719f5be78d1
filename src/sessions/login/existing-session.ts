import type { GoodLoginToken } from '../../access/login-tokens.service.js';
import type { LiveSession } from '../live/session.js';

/**
 * What a visitor answers on a page of ours: to open the link, to continue as the user that it lets in, or to stay who they are.
 * A page that shows no session asks for the first, one that shows another user's for one of the others.
 */
export const ANSWERS = ['open', 'continue', 'stay'] as const;
export type Answer = (typeof ANSWERS)[number];

/** `beside` starts a session that leaves the live one alone. */
export type Decision = 'keep' | 'replace' | 'beside' | 'ask';

/**
 * What a token that can start a session does in a browser that has a live one. The session of a frame and the ordinary one of the
 * same browser have nothing to do with each other; one frame site has one session at a time, whichever origin on it the frame is for.
 * No organization ends the session of another without a question to the visitor.
 */
export function decide(live: LiveSession, token: GoodLoginToken, answer?: Answer): Decision {
  if (token.embedOrigin !== live.embedOrigin) {
    if (token.embedOrigin === null) return 'keep';
    if (live.embedOrigin === null) return 'beside';
    return isOfSameOrganization(live, token) || answer === 'continue' ? 'replace' : 'ask';
  }
  if (token.existingSession === 'keep' || isSameUser(live, token)) return 'keep';
  if (answer === 'continue') return 'replace';
  return token.existingSession === 'switch' && isOfSameOrganization(live, token) ? 'replace' : 'ask';
}

function isOfSameOrganization(live: LiveSession, token: GoodLoginToken): boolean {
  return live.organizationId === token.organizationId;
}

/** Then the visitor's session stays, and they go where the token leads. */
export function isSameUser(live: LiveSession, token: GoodLoginToken): boolean {
  return live.userId === token.userId;
}
