import type { GoodLoginToken } from '../../access/login-tokens.service.js';
import type { LiveSession } from '../live/session.js';

/**
 * The visitor's answer on one of our pages: `open` the link, `continue` as its user, or `stay` who they are. A page
 * without a session asks for the first. A page that shows another user's session asks for one of the others.
 */
export const ANSWERS = ['open', 'continue', 'stay'] as const;
export type Answer = (typeof ANSWERS)[number];

/** `add` starts a new session and leaves the live one alone. */
export type Decision = 'keep' | 'replace' | 'add' | 'ask';

/**
 * What a good token does in a browser that has a live session. A frame's session and the browser's ordinary session are
 * independent of each other. A site has one frame session at a time, whichever of its origins the frame is for. No
 * organization ends another's session without asking the visitor. An application signs in with the sessions of its own
 * organization only: if the token leads to one, the session of another organization would be a dead end there.
 */
export function decide(
  live: LiveSession,
  token: GoodLoginToken,
  { answer, leadsToApplication }: { answer?: Answer; leadsToApplication: boolean },
): Decision {
  if (token.embedOrigin !== live.embedOrigin) {
    if (token.embedOrigin === null) return 'keep';
    if (live.embedOrigin === null) return 'add';
    return isOfSameOrganization(live, token) || answer === 'continue' ? 'replace' : 'ask';
  }
  const isOfNoUse = leadsToApplication && isSameUser(live, token) && !isOfSameOrganization(live, token);
  if (!isOfNoUse && (token.existingSession === 'keep' || isSameUser(live, token))) return 'keep';
  if (answer === 'continue') return 'replace';
  return token.existingSession === 'switch' && isOfSameOrganization(live, token) ? 'replace' : 'ask';
}

function isOfSameOrganization(live: LiveSession, token: GoodLoginToken): boolean {
  return live.organizationId === token.organizationId;
}

/** Whether the token is for the session's own user. Their session then stays, and they go where the token leads. */
export function isSameUser(live: LiveSession, token: GoodLoginToken): boolean {
  return live.userId === token.userId;
}
