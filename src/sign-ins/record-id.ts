import { hashSecret } from '../common/id.js';

/**
 * The ID under which a record of the authorization server is stored: a hash, because its identifier is the value of a
 * code, a refresh token or a cookie.
 */
export function recordIdOf(kind: string, identifier: string): string {
  return hashSecret(`${kind} ${identifier}`);
}
