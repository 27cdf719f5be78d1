import { hasOrigin } from '../common/origin.js';

/** Visible ASCII without the backslash, which browsers read as a slash. Everything else must be percent-encoded. */
const URL_TEXT = /^[\x21-\x5b\x5d-\x7e]+$/;
export const MAX_RETURN_TO = 2048;

/**
 * Whether a login may lead to `target`: a path on the public site, or a URL on one of `origins`. The text itself is
 * compared, because it becomes the `Location` as it is: it must begin with an origin, letter by letter, followed by a
 * slash, a question mark, a hash or nothing.
 */
export function isLegalReturnTo(target: string, origins: string[]): boolean {
  if (target.length > MAX_RETURN_TO || !URL_TEXT.test(target)) return false;
  if (target.startsWith('/')) return !target.startsWith('//');
  return origins.some(
    (origin) =>
      target.startsWith(origin) && /^([/?#]|$)/.test(target.slice(origin.length)) && hasOrigin(target, origin),
  );
}
