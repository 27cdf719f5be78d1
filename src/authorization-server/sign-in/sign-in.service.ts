import { Injectable } from '@nestjs/common';
import { AttemptsService } from '../../limits/attempts.service.js';
import { DomainError } from '../../common/errors/errors.js';
import { requireGivenOnce } from '../../common/errors/given-once.js';
import { TEXT_LINE } from '../../common/fields.js';
import { MAX_PASSWORD_LENGTH } from '../../users/password-strength.js';
import { PasswordsService } from '../../users/passwords.service.js';
import { normalizeEmailAddress } from '../../common/user-ref.js';
import { OAuthAuditService } from '../protocol/oauth-audit.service.js';

/** A user who has signed in, and when their password was set. */
export interface SignedIn {
  userId: string;
  passwordFrom: string;
}

/** The credentials in a sign-in form. */
export interface Credentials {
  email: string;
  password: string;
}

/** Checks the credentials that somebody enters on one of our pages. */
@Injectable()
export class SignInService {
  constructor(
    private readonly passwords: PasswordsService,
    private readonly attempts: AttemptsService,
    private readonly audit: OAuthAuditService,
  ) {}

  /**
   * The user with these credentials, or `null` if they are wrong. `clientId` is the client that asks for the sign-in.
   *
   * @throws DomainError `too_many_requests`
   */
  async check({ email, password }: Credentials, address: string, clientId: string | null): Promise<SignedIn | null> {
    const account = normalizeEmailAddress(email);
    await this.attempts.countSignIn(account, address);
    const { ownerId, passwordFrom } = await this.passwords.check(email, password);
    if (!ownerId || !passwordFrom) {
      // An unknown address is recorded as well, for the client's organization, so that both cases take the same time.
      await this.audit.refuse({ event: 'SIGN_IN_FAILED', userId: ownerId, clientId });
      return null;
    }
    await this.attempts.rememberSignIn(account, address);
    await this.audit.record({ event: 'SIGN_IN_SUCCEEDED', userId: ownerId, clientId });
    return { userId: ownerId, passwordFrom };
  }
}

/** The credentials in a form. @throws DomainError `invalid_request` */
export function requireCredentials(fields: unknown): Credentials {
  const given = (fields ?? {}) as Record<string, unknown>;
  requireGivenOnce(given, 'email', 'password');
  const { email, password } = given;
  const areTexts = typeof email === 'string' && typeof password === 'string';
  // A text that is not an address, such as one with a NUL character, must not reach the database.
  if (!areTexts || email.length > 254 || !TEXT_LINE.test(email) || password.length > MAX_PASSWORD_LENGTH)
    throw new DomainError('invalid_request', 'Give an e-mail address and a password.');
  return { email, password };
}
