import { Injectable } from '@nestjs/common';
import { AttemptsService } from '../../limits/attempts.service.js';
import { DomainError } from '../../common/errors/errors.js';
import { requireGivenOnce } from '../../common/errors/given-once.js';
import { TEXT_LINE } from '../../common/fields.js';
import { MAX_PASSWORD_LENGTH } from '../../users/password-strength.js';
import { PasskeysService } from '../../users/passkeys.service.js';
import { PasswordsService } from '../../users/passwords.service.js';
import { ProofsService, toText } from '../../users/proofs.service.js';
import type { Proof, Worth } from '../../users/proofs.service.js';
import { RecoveryCodesService } from '../../users/recovery-codes.service.js';
import { normalizeEmailAddress } from '../../common/user-ref.js';
import { OAuthAuditService } from '../protocol/oauth-audit.service.js';

/** A user who has proven who they are. */
export interface SignedIn {
  userId: string;
  /** What the sign-in session keeps of the proof. */
  proof: string;
}

/** The credentials in a sign-in form. */
export interface Credentials {
  email: string;
  password: string;
}

/** Where somebody signs in: from which address, and for which client, if for one. */
export interface Place {
  address: string;
  clientId: string | null;
}

/** Checks what somebody enters or signs on one of our pages. */
@Injectable()
export class SignInService {
  constructor(
    private readonly passwords: PasswordsService,
    private readonly passkeys: PasskeysService,
    private readonly recoveryCodes: RecoveryCodesService,
    private readonly proofs: ProofsService,
    private readonly attempts: AttemptsService,
    private readonly audit: OAuthAuditService,
  ) {}

  /**
   * The user with these credentials and what they are worth, or `null` if they are wrong.
   *
   * @throws DomainError `too_many_requests`
   */
  async check(
    { email, password }: Credentials,
    { address, clientId }: Place,
  ): Promise<(SignedIn & { worth: Worth }) | null> {
    const account = normalizeEmailAddress(email);
    await this.attempts.countSignIn(account, address);
    const { ownerId, passwordFrom } = await this.passwords.check(email, password);
    if (!ownerId || !passwordFrom) {
      // An unknown address is recorded as well, for the client's organization, so that both cases take the same time.
      await this.audit.refuse({ event: 'SIGN_IN_FAILED', userId: ownerId, clientId });
      return null;
    }
    await this.attempts.rememberSignIn(account, address);
    const proof = toText({ by: 'PASSWORD', passwordFrom });
    const worth = await this.proofs.worthOf(ownerId, proof);
    if (worth === 'enough' || worth === 'passkey_missing') await this.recordSuccess(ownerId, 'PASSWORD', clientId);
    return { userId: ownerId, proof, worth };
  }

  /**
   * The user with these credentials and this unused recovery code, or `null` if something is wrong. The code is used up.
   *
   * @throws DomainError `too_many_requests`
   */
  async recover(
    { email, password }: Credentials,
    code: string,
    { address, clientId }: Place,
  ): Promise<SignedIn | null> {
    const account = normalizeEmailAddress(email);
    await this.attempts.countSignIn(account, address);
    const { ownerId: userId, passwordFrom } = await this.passwords.check(email, password);
    if (!userId || !passwordFrom || !(await this.recoveryCodes.use(userId, code))) {
      await this.audit.refuse({ event: 'SIGN_IN_FAILED', userId, clientId });
      return null;
    }
    await this.attempts.rememberSignIn(account, address);
    await this.recordSuccess(userId, 'RECOVERY_CODE', clientId);
    return { userId, proof: toText({ by: 'RECOVERY_CODE', passwordFrom }) };
  }

  /**
   * The user whose passkey has signed `challenge`, or `null` if it has not. @throws DomainError `too_many_requests`
   */
  async checkPasskey(response: string, challenge: string, { address, clientId }: Place): Promise<SignedIn | null> {
    const signed = await this.passkeys.check(response, challenge);
    if (!signed) {
      await this.attempts.countWrongCredentials(address);
      await this.audit.refuse({ event: 'SIGN_IN_FAILED', userId: null, clientId });
      return null;
    }
    const { userId, passkeyId } = signed;
    await this.recordSuccess(userId, 'PASSKEY', clientId);
    return { userId, proof: toText({ by: 'PASSKEY', passkeyId }) };
  }

  private recordSuccess(userId: string, by: Proof['by'], clientId: string | null): Promise<void> {
    const details = by === 'PASSWORD' ? undefined : { proof: by };
    return this.audit.record({ event: 'SIGN_IN_SUCCEEDED', userId, clientId, ...(details && { details }) });
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

/** A text in a form. @throws DomainError `invalid_request`, which says what to give */
export function requireText(fields: unknown, name: string, what: string): string {
  const given = (fields ?? {}) as Record<string, unknown>;
  requireGivenOnce(given, name);
  const { [name]: text } = given;
  if (typeof text !== 'string' || text === '') throw new DomainError('invalid_request', `Give ${what}.`);
  return text;
}
