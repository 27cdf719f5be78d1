import { hasOrigin } from '../common/origin.js';

/** Visible ASCII without a backslash, which browsers read as a slash. Anything else has to be percent-encoded. */
const URL_TEXT = /^[\x21-\x5b\x5d-\x7e]+$/;
export const MAX_RETURN_TO = 2048;

/**
 * Whether a login may end at `target`: a path on the public site, or a URL on one of `origins`.
 * It is compared as the text that it is, because that text becomes the `Location`: an origin has to
 * be there letter by letter, and a slash, a question mark, a hash or nothing has to follow it.
 */
export function isLegalReturnTo(target: string, origins: string[]): boolean {
  if (target.length > MAX_RETURN_TO || !URL_TEXT.test(target)) return false;
  if (target.startsWith('/')) return !target.startsWith('//');
  return origins.some(
    (origin) =>
      target.startsWith(origin) && /^([/?#]|$)/.test(target.slice(origin.length)) && hasOrigin(target, origin),
  );
}
