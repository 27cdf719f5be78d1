import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { hash, verify } from '@node-rs/argon2';
import type { Repository } from 'typeorm';
import { RevocationService } from '../access/revocation.service.js';
import { AuditService } from '../audit/audit.service.js';
import { Clock } from '../common/clock.js';
import { Database } from '../database/database.js';
import { Password } from './password.entity.js';
import { User } from './user.entity.js';
import { normalizeEmailAddress } from './user-ref.js';

/** OWASP's Password Storage Cheat Sheet: argon2id (the library's default) with 19 MiB, two passes, one lane. */
const ARGON2ID = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** NIST SP 800-63B, section 3.1.1.2: at least 15 characters where a password is all there is. */
export const MIN_PASSWORD_LENGTH = 15;
/** Longer ones only cost time to hash. */
export const MAX_PASSWORD_LENGTH = 256;

/** Who has signed in, and since when their password is the one that they gave. */
export interface SignedIn {
  accountId: string;
  passwordFrom: string;
}

/** What users sign in with. An account needs none; the host lets its users in without. */
@Injectable()
export class PasswordsService {
  private standIn: Promise<string> | undefined;

  constructor(
    @InjectRepository(Password) private readonly passwords: Repository<Password>,
    @InjectRepository(User) private readonly users: Repository<User>,
    private readonly revocation: RevocationService,
    private readonly audit: AuditService,
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /**
   * Sets the password for an operator, and ends what was signed in for with the one before.
   *
   * @throws Error for a password that is too short or too long
   */
  async set(userId: string, password: string): Promise<void> {
    if (password.length < MIN_PASSWORD_LENGTH || password.length > MAX_PASSWORD_LENGTH)
      throw new Error(`A password has ${MIN_PASSWORD_LENGTH} to ${MAX_PASSWORD_LENGTH} characters.`);
    const row = { userId, hash: await hash(password.normalize('NFKC'), ARGON2ID), changedAt: this.clock.now() };
    await this.database.transaction(async (db) => {
      const { staffOrganizationId, organizationId: managedBy } = await db.findOneByOrFail(User, { id: userId });
      await db.upsert(Password, row, ['userId']);
      await this.revocation.endSignIns(db, userId);
      const organizationId = staffOrganizationId ?? managedBy;
      await this.audit.record(db, { event: 'PASSWORD_SET', organizationId, userId, by: null });
    });
  }

  /**
   * The active person with the e-mail address and the password, or `null`. Whoever has no such address, no password or
   * another one costs the same.
   */
  async authenticate(emailAddress: string, password: string): Promise<SignedIn | null> {
    const user = await this.findPerson(emailAddress);
    const known = user && (await this.passwords.findOneBy({ userId: user.id }));
    this.standIn ??= hash('nobody has this password', ARGON2ID);
    const isRight = await this.matches(known?.hash ?? (await this.standIn), password);
    return known && isRight ? { accountId: known.userId, passwordFrom: known.changedAt.toISOString() } : null;
  }

  /**
   * Whether it is the account of an active person, and, if it is said from when it was, still with the password of the
   * sign-in: another one may be set while somebody signs in, and then finds nothing yet that it could end.
   */
  async isStillSignedIn(accountId: string, passwordFrom?: string): Promise<boolean> {
    const isActive = await this.users.existsBy({ id: accountId, type: 'USER', status: 'ACTIVE' });
    if (!isActive || passwordFrom === undefined) return isActive;
    return this.passwords.existsBy({ userId: accountId, changedAt: new Date(passwordFrom) });
  }

  /** The id of the active person with the e-mail address, whatever the password. */
  async ownerOf(emailAddress: string): Promise<string | null> {
    return (await this.findPerson(emailAddress))?.id ?? null;
  }

  private findPerson(emailAddress: string): Promise<User | null> {
    const address = normalizeEmailAddress(emailAddress);
    return this.users.findOneBy({ emailAddresses: { address }, type: 'USER', status: 'ACTIVE' });
  }

  /** Takes as long for every hash that was made with the parameters above. */
  matches(hashed: string, password: string): Promise<boolean> {
    return verify(hashed, password.normalize('NFKC'));
  }
}
