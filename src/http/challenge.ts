import { DomainError } from '../common/errors/errors.js';

/** What protects the API, as `WWW-Authenticate` names it. */
export const REALM = 'latchkey';

/** @see RFC 6750, section 3.1 */
export function invalidAccessToken(description: string): DomainError {
  return new DomainError('not_authenticated', description, {
    headers: {
      'WWW-Authenticate': `Bearer realm="${REALM}", error="invalid_token", error_description="${description}"`,
    },
  });
}
