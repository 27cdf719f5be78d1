import { DomainError } from '../common/errors/errors.js';
import { parseQueryString } from '../common/query-string.js';

/** The parameter's name in all forms that applications read: percent-encoded, or as a list. */
const TOKEN_NAME = /^oauth_token(?:\[|$)/;

/** Whether a path and query contain a token (docs/api.md, section 5.9). */
export function hasToken(uri: string): boolean {
  const start = uri.indexOf('?');
  if (start < 0 || !(uri.includes('oauth_token', start) || uri.includes('%', start))) return false;
  return uri
    .slice(start + 1)
    .split('&')
    .some(isToken);
}

/** The token as the query string parser gives it: a string if there is exactly one. */
export function tokenOf(uri: string): unknown {
  return parseQueryString(uri.slice(uri.indexOf('?') + 1)).oauth_token;
}

/**
 * The path and query without the token, otherwise unchanged. The result becomes a `Location`, so every reader must take
 * it for a path on the same site.
 *
 * @throws DomainError `invalid_request`
 */
export function withoutToken(uri: string): string {
  const start = uri.indexOf('?');
  const rest = uri
    .slice(start + 1)
    .split('&')
    .filter((part) => !isToken(part))
    .join('&');
  const target = rest === '' ? uri.slice(0, start) : `${uri.slice(0, start)}?${rest}`;
  // A second slash, or a backslash instead, would begin a host.
  if (!/^\/(?![/\\])[\x21-\x7e]*$/.test(target)) throw new DomainError('invalid_request');
  return target;
}

function isToken(part: string): boolean {
  const end = part.indexOf('=');
  const name = end < 0 ? part : part.slice(0, end);
  const decoded = name.replace(/%([\da-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return TOKEN_NAME.test(decoded);
}
