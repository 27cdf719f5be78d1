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

/**
 * Parameters from OWASP's Password Storage Cheat Sheet: argon2id (the library's default) with 19 MiB, two passes and
 * one lane.
 */
const ARGON2ID = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/**
 * One statement finds the account and its password, so that an unknown address or a missing password costs the same.
 */
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

/** The result of an attempt to sign in. */
export interface SignInAttempt {
  /** The account with the e-mail address, if it belongs to an active person. */
  ownerId: string | null;
  /** When the password was set, if it is the right one. */
  passwordFrom: string | null;
}

/** The passwords of accounts. An account needs none if its host lets its user in. */
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

  /** Sets a password for the operator. @throws DomainError `invalid_password` */
  async set(userId: string, password: string): Promise<void> {
    await requireStrongPassword(password, await this.namesOf(userId));
    await this.setKnown(userId, password);
  }

  /** Sets a password that everybody may know: the demo's. Its strength is not checked. */
  async setKnown(userId: string, password: string): Promise<void> {
    const hashed = await hashOf(password);
    await this.database.transaction((db) => this.store(db, userId, hashed, null));
  }

  /**
   * Changes the user's own password and returns when it was set, or `null` if `current` is wrong.
   *
   * @throws DomainError `invalid_password`
   */
  async change(userId: string, current: string, password: string): Promise<string | null> {
    const before = await this.passwords.findOneBy({ userId });
    if (!before || !(await this.matches(before.hash, current))) return null;
    const hashed = await this.hashStrong(password, await this.namesOf(userId));
    return this.database.transaction(async (db) => {
      // Another password may have been set meanwhile, for which `current` was not checked.
      if (!(await db.existsBy(Password, { userId, hash: before.hash }))) return null;
      return (await this.store(db, userId, hashed, { userId })).toISOString();
    });
  }

  /**
   * The hash to store for a new password. @throws DomainError `invalid_password`, also if it can be guessed from
   * `about`
   */
  async hashStrong(password: string, about: string[]): Promise<string> {
    await requireStrongPassword(password, about);
    return hashOf(password);
  }

  /** Sets a password, ends the account's sign-ins with the previous one, and returns when it was set. */
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
   * Finds the account with the e-mail address, and checks the password. An unknown address, an account without a
   * password and a wrong password all cost the same: one query and one hash verification.
   */
  async check(emailAddress: string, password: string): Promise<SignInAttempt> {
    const [owner] = await this.database.read<Owner>(FIND, [normalizeEmailAddress(emailAddress)]);
    const decoyHash = await (this.decoyHash ??= hash('nobody has this password', ARGON2ID));
    const matches = await this.matches(owner?.hash ?? decoyHash, password);
    const passwordFrom = matches && owner?.changedAt ? toInstant(owner.changedAt).toISOString() : null;
    return { ownerId: owner?.userId ?? null, passwordFrom };
  }

  private async namesOf(userId: string): Promise<string[]> {
    const user = await this.users.findOne({ where: { id: userId }, relations: { emailAddresses: true } });
    return user ? [user.name, ...user.emailAddresses.map(({ address }) => address)] : [];
  }

  /** Compares a password with a hash. It takes the same time for every hash with the parameters above. */
  matches(hashed: string, password: string): Promise<boolean> {
    return verify(hashed, password.normalize('NFKC'));
  }
}

function hashOf(password: string): Promise<string> {
  return hash(password.normalize('NFKC'), ARGON2ID);
}
