import { html, say } from '../../http/html.js';
import type { Html } from '../../http/html.js';
import { DomainError } from '../../common/errors/errors.js';
import { requireGivenOnce } from '../../common/errors/given-once.js';
import { MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH } from '../../users/password-strength.js';

/** The fields of a form for a new password. It is typed twice, so that a typing error locks nobody out. */
export const NEW_PASSWORD_FIELDS: Html = html`<label>${say('newPassword', { min: MIN_PASSWORD_LENGTH, max: MAX_PASSWORD_LENGTH })}
        <input type="password" name="password" required minlength="${MIN_PASSWORD_LENGTH}" maxlength="${MAX_PASSWORD_LENGTH}" autocomplete="new-password"></label>
      <label>${say('newPasswordAgain')} <input type="password" name="again" required autocomplete="new-password"></label>`;

/** The new password in a form. @throws DomainError `invalid_request`; `invalid_password` if the two entries differ */
export function requireNewPassword(fields: unknown): string {
  const given = (fields ?? {}) as Record<string, unknown>;
  requireGivenOnce(given, 'password', 'again');
  const { password, again } = given;
  if (typeof password !== 'string' || typeof again !== 'string')
    throw new DomainError('invalid_request', 'Give the new password twice.');
  if (password !== again) throw new DomainError('invalid_password', 'The two new passwords are not the same.');
  return password;
}

/** The description of what is wrong with a new password, for its form. Other errors are thrown again. */
export function faultOf(error: unknown): string {
  if (error instanceof DomainError && error.id === 'invalid_password') return error.message;
  throw error;
}
