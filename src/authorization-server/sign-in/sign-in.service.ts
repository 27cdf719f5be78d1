import { Injectable } from '@nestjs/common';
import { AttemptsService } from '../../limits/attempts.service.js';
import { DomainError } from '../../common/errors/errors.js';
import { requireGivenOnce } from '../../common/errors/given-once.js';
import { TEXT_LINE } from '../../common/fields.js';
import { MAX_PASSWORD_LENGTH } from '../../users/password-strength.js';
import { PasswordsService } from '../../users/passwords.service.js';
import { normalizeEmailAddress } from '../../common/user-ref.js';
import { OAuthAuditService } from '../protocol/oauth-audit.service.js';

/** Who has signed in, and from when their password is. */
export interface SignedIn {
  userId: string;
  passwordFrom: string;
}

/** What a form of ours asks for. */
export interface Credentials {
  email: string;
  password: string;
}

/** Looks at the credentials that somebody types into a page of ours. */
@Injectable()
export class SignInService {
  constructor(
    private readonly passwords: PasswordsService,
    private readonly attempts: AttemptsService,
    private readonly audit: OAuthAuditService,
  ) {}

  /**
   * Whose credentials they are; `null` if they are wrong. `clientId` is the client that asks to sign in.
   *
   * @throws DomainError `too_many_requests`
   */
  async check({ email, password }: Credentials, address: string, clientId: string | null): Promise<SignedIn | null> {
    const account = normalizeEmailAddress(email);
    await this.attempts.countSignIn(account, address);
    const { ownerId, passwordFrom } = await this.passwords.check(email, password);
    if (!ownerId || !passwordFrom) {
      // Also for an address of nobody, in the record of the client's organization: it takes the same time.
      await this.audit.refuse({ event: 'SIGN_IN_FAILED', userId: ownerId, clientId });
      return null;
    }
    await this.attempts.rememberSignIn(account, address);
    await this.audit.record({ event: 'SIGN_IN_SUCCEEDED', userId: ownerId, clientId });
    return { userId: ownerId, passwordFrom };
  }
}

/** @throws DomainError `invalid_request` */
export function requireCredentials(fields: unknown): Credentials {
  const given = (fields ?? {}) as Record<string, unknown>;
  requireGivenOnce(given, 'email', 'password');
  const { email, password } = given;
  const areTexts = typeof email === 'string' && typeof password === 'string';
  // What is no address, as one with a NUL, is not shown to the database.
  if (!areTexts || email.length > 254 || !TEXT_LINE.test(email) || password.length > MAX_PASSWORD_LENGTH)
    throw new DomainError('invalid_request', 'Give an e-mail address and a password.');
  return { email, password };
}
