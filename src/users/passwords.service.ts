import { Injectable } from '@nestjs/common';
import { hash, verify } from '@node-rs/argon2';
import { InjectRepository } from '@nestjs/typeorm';
import type { Repository } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { Clock } from '../common/clock.js';
import { Database, toInstant } from '../database/database.js';
import type { Statement } from '../database/statement.js';
import { SignInsService } from '../oauth/sign-ins.service.js';
import { Password } from './password.entity.js';
import { User } from './user.entity.js';
import { normalizeEmailAddress } from './user-ref.js';

/** OWASP's Password Storage Cheat Sheet: argon2id (the library's default) with 19 MiB, two passes, one lane. */
const ARGON2ID = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** NIST SP 800-63B, section 3.1.1.2: at least 15 characters where a password is all there is. */
export const MIN_PASSWORD_LENGTH = 15;
/** Longer ones only cost time to hash. */
export const MAX_PASSWORD_LENGTH = 256;

/** An account without a password costs no more and no less than one with a password, or none at all. */
const FIND: Statement = {
  name: 'find_password',
  sql: `SELECT u."id" AS "userId", p."hash", p."changed_at" AS "changedAt" FROM "email_addresses" e
        JOIN "users" u ON u."id" = e."user_id" AND u."type" = 'USER' AND u."status" = 'ACTIVE'
        LEFT JOIN "passwords" p ON p."user_id" = u."id"
        WHERE e."address" = $1`,
};

interface Owner {
  userId: string;
  hash: string | null;
  changedAt: Date | string | null;
}

/** Who tried to sign in. */
export interface SignInAttempt {
  /** Whose the e-mail address is, if it is that of an active person. */
  ownerId: string | null;
  /** Since when the password is theirs, if it is. */
  passwordFrom: string | null;
}

/** What users sign in with. An account needs none; the host lets its users in without. */
@Injectable()
export class PasswordsService {
  private standIn: Promise<string> | undefined;

  constructor(
    @InjectRepository(Password) private readonly passwords: Repository<Password>,
    @InjectRepository(User) private readonly users: Repository<User>,
    private readonly signIns: SignInsService,
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
      await this.signIns.end(db, userId);
      const organizationId = staffOrganizationId ?? managedBy;
      await this.audit.record(db, { event: 'PASSWORD_SET', organizationId, userId, by: null });
    });
  }

  /**
   * Whose the e-mail address is, and whether the password is theirs. Whoever has no such address, no password or another
   * one costs the same: one query, and one look at a hash.
   */
  async check(emailAddress: string, password: string): Promise<SignInAttempt> {
    const [owner] = await this.database.read<Owner>(FIND, [normalizeEmailAddress(emailAddress)]);
    const standIn = await (this.standIn ??= hash('nobody has this password', ARGON2ID));
    const matches = await this.matches(owner?.hash ?? standIn, password);
    const passwordFrom = matches && owner?.changedAt ? toInstant(owner.changedAt).toISOString() : null;
    return { ownerId: owner?.userId ?? null, passwordFrom };
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

  /** Takes as long for every hash that was made with the parameters above. */
  matches(hashed: string, password: string): Promise<boolean> {
    return verify(hashed, password.normalize('NFKC'));
  }
}
