import { Injectable } from '@nestjs/common';
import { hash, verify } from '@node-rs/argon2';
import { InjectRepository } from '@nestjs/typeorm';
import type { EntityManager, Repository } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { Clock } from '../common/clock.js';
import { Database, toInstant } from '../database/database.js';
import type { Statement } from '../database/statement.js';
import { SignInsService } from '../sign-ins/sign-ins.service.js';
import { PasswordLink } from '../schema/entities/password-link.entity.js';
import { requireStrongPassword } from './password-strength.js';
import { Password } from '../schema/entities/password.entity.js';
import { User } from '../schema/entities/user.entity.js';
import { normalizeEmailAddress } from '../common/user-ref.js';

/** OWASP's Password Storage Cheat Sheet: argon2id (the library's default) with 19 MiB, two passes, one lane. */
const ARGON2ID = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

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
  private decoyHash: Promise<string> | undefined;

  constructor(
    @InjectRepository(Password) private readonly passwords: Repository<Password>,
    @InjectRepository(User) private readonly users: Repository<User>,
    private readonly signIns: SignInsService,
    private readonly audit: AuditService,
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /** Sets the password for an operator. @throws DomainError `invalid_password` */
  async set(userId: string, password: string): Promise<void> {
    await requireStrongPassword(password, await this.namesOf(userId));
    await this.setKnown(userId, password);
  }

  /** The same for one that everybody may know: that of the demo. */
  async setKnown(userId: string, password: string): Promise<void> {
    const hashed = await hashOf(password);
    await this.database.transaction((db) => this.store(db, userId, hashed, null));
  }

  /**
   * Changes one's own password, and says from when the new one is; `null` if the current one is wrong.
   *
   * @throws DomainError `invalid_password`
   */
  async change(userId: string, current: string, password: string): Promise<string | null> {
    const before = await this.passwords.findOneBy({ userId });
    if (!before || !(await this.matches(before.hash, current))) return null;
    const hashed = await this.hashStrong(password, await this.namesOf(userId));
    return this.database.transaction(async (db) => {
      // Another one may have been set meanwhile, to which the current one is a stranger.
      if (!(await db.existsBy(Password, { userId, hash: before.hash }))) return null;
      return (await this.store(db, userId, hashed, { userId })).toISOString();
    });
  }

  /** What is stored of a password. @throws DomainError `invalid_password`, also where it can be guessed from `about` the account */
  async hashStrong(password: string, about: string[]): Promise<string> {
    await requireStrongPassword(password, about);
    return hashOf(password);
  }

  /** Sets the password, ends what was signed in for with the one before, and answers from when it is. */
  async store(db: EntityManager, userId: string, hashed: string, by: { userId: string } | null): Promise<Date> {
    const { staffOrganizationId, organizationId: managedBy } = await db.findOneByOrFail(User, { id: userId });
    const changedAt = this.clock.now();
    await db.upsert(Password, { userId, hash: hashed, changedAt }, ['userId']);
    await db.delete(PasswordLink, { userId });
    await this.signIns.end(db, userId);
    const organizationId = staffOrganizationId ?? managedBy;
    await this.audit.record(db, { event: 'PASSWORD_SET', organizationId, userId, by });
    return changedAt;
  }

  /**
   * Whose the e-mail address is, and whether the password is theirs. Whoever has no such address, no password or another
   * one costs the same: one query, and one look at a hash.
   */
  async check(emailAddress: string, password: string): Promise<SignInAttempt> {
    const [owner] = await this.database.read<Owner>(FIND, [normalizeEmailAddress(emailAddress)]);
    const decoyHash = await (this.decoyHash ??= hash('nobody has this password', ARGON2ID));
    const matches = await this.matches(owner?.hash ?? decoyHash, password);
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

  private async namesOf(userId: string): Promise<string[]> {
    const user = await this.users.findOne({ where: { id: userId }, relations: { emailAddresses: true } });
    return user ? [user.name, ...user.emailAddresses.map(({ address }) => address)] : [];
  }

  /** Takes as long for every hash that was made with the parameters above. */
  matches(hashed: string, password: string): Promise<boolean> {
    return verify(hashed, password.normalize('NFKC'));
  }
}

function hashOf(password: string): Promise<string> {
  return hash(password.normalize('NFKC'), ARGON2ID);
}
