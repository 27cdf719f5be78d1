import type { Visitor } from '../sessions/live/known-visitors.js';

/**
 * What an application is told about a visitor. Every header is always there, empty for what is not known, because a
 * proxy that copies what it gets leaves a browser's own where it gets none.
 */
export function identityHeaders(visitor: Visitor, assertion: string): Record<string, string> {
  return {
    'X-Latchkey-User': visitor.session.userId,
    'X-Latchkey-Email': encodeText(visitor.emailAddress ?? ''),
    'X-Latchkey-Name': encodeText(visitor.name),
    'X-Latchkey-Third-Party-Ids': visitor.thirdPartyIds
      .map(({ thirdParty, id }) => `${thirdParty}$${encodeURIComponent(id)}`)
      .join(', '),
    'X-Latchkey-Actor': visitor.session.actorId,
    'X-Latchkey-Assertion': assertion,
    'Cache-Control': 'no-store',
  };
}

/** The same for a request of which nobody knows whose it is. Its cookies would name somebody to the application. */
export const NOBODY = {
  'X-Latchkey-User': '',
  'X-Latchkey-Email': '',
  'X-Latchkey-Name': '',
  'X-Latchkey-Third-Party-Ids': '',
  'X-Latchkey-Actor': '',
  'X-Latchkey-Assertion': '',
  'Cache-Control': 'no-store',
  Cookie: '',
};

/**
 * Text as a header can carry it: percent-encoded UTF-8 for all but printable ASCII, and for `%`, so that
 * `decodeURIComponent` gives the text back. Spaces stay inside; at an end they would get lost.
 */
export function encodeText(text: string): string {
  return text.replace(/[^ -$&-~]+|^ +| +$/g, (some) => encodeURIComponent(some));
}
