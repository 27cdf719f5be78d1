import type { Visitor } from '../sessions/live/known-visitors.js';

/**
 * What an application is told about a visitor. Every header is always present, if need be empty: a proxy that copies
 * our headers would leave the browser's own header in place of a missing one.
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

/**
 * The headers for a request without a known visitor. `Cookie` is empty, because the request's own cookies could name
 * somebody to the application.
 */
export const EMPTY_IDENTITY_HEADERS = {
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
 * Encodes text for a header: printable ASCII except `%` stays, and all else is percent-encoded UTF-8, so that
 * `decodeURIComponent` restores the text. Spaces stay only inside, because they would get lost at the ends.
 */
export function encodeText(text: string): string {
  return text.replace(/[^ -$&-~]+|^ +| +$/g, (some) => encodeURIComponent(some));
}
