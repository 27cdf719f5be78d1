import { DomainError } from '../common/errors/errors.js';

/** The realm in `WWW-Authenticate`. */
export const REALM = 'latchkey';

/** The error for an access token that is not valid. @see RFC 6750, section 3.1 */
export function invalidAccessToken(description: string): DomainError {
  return new DomainError('not_authenticated', description, {
    headers: {
      'WWW-Authenticate': `Bearer realm="${REALM}", error="invalid_token", error_description="${description}"`,
    },
  });
}
