import { hashSecret } from '../common/id.js';

/** Under which a record of the authorization server is stored: its identifier is the value of a code, a refresh token or a cookie. */
export function recordIdOf(kind: string, identifier: string): string {
  return hashSecret(`${kind} ${identifier}`);
}
