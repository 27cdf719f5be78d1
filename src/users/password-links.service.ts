import { Injectable } from '@nestjs/common';
import { MoreThan } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import type { Caller } from '../common/caller.js';
import { addSeconds, Clock, SECONDS_PER_DAY, toIso } from '../common/clock.js';
import { DomainError } from '../common/errors/errors.js';
import { hashSecret, newSecret } from '../common/id.js';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { prune, pruneExpired } from '../database/prune.js';
import type { PasswordLinkDto } from './dto/password-link.dto.js';
import { EmailAddress } from '../schema/entities/email-address.entity.js';
import { findUser } from './find-user.js';
import { PasswordLink } from '../schema/entities/password-link.entity.js';
import { PasswordsService } from './passwords.service.js';
import type { UserRef } from '../common/user-ref.js';
import { User } from '../schema/entities/user.entity.js';
import { isAllowed } from './is-allowed.js';
import { UsersPolicy } from './users.policy.js';

/** The path of the link. */
export const PASSWORD_LINK_PATH = '/oauth/password';

/** The lifetime of a link, in seconds. */
const LIFETIME = SECONDS_PER_DAY;

const PRUNE = pruneExpired('password_links', 'user_id');

/** The account whose password a link sets. */
export interface PasswordLinkOwner {
  id: string;
  name: string;
  emailAddress: string;
}

/** Links with which people set their passwords. Each works once. An administrator makes them and passes them on. */
@Injectable()
export class PasswordLinksService {
  constructor(
    private readonly passwords: PasswordsService,
    private readonly policy: UsersPolicy,
    private readonly audit: AuditService,
    private readonly database: Database,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /** Makes a link. @throws DomainError `no_access`, `nonexistent_user`, `email_address_not_specified` */
  create(caller: Caller, ref: UserRef): Promise<PasswordLinkDto> {
    return this.database.transaction(async (db) => {
      const user = await this.policy.requireMayResetPassword(db, caller, await findUser(db, caller, ref));
      return this.make(db, user, caller);
    });
  }

  /** Makes a link, which replaces the previous one. The caller of this method has checked that `by` may do so. */
  async make(db: EntityManager, { id: userId, ...user }: User, by: Caller | null): Promise<PasswordLinkDto> {
    if (!(await db.existsBy(EmailAddress, { userId, isPrimary: true })))
      throw new DomainError('email_address_not_specified', 'The account has no e-mail address to sign in with.');
    const token = newSecret();
    const expiresAt = addSeconds(this.clock.now(), LIFETIME);
    const row = { userId, tokenHash: hashSecret(token), madeBy: by?.userId ?? null, expiresAt };
    await db.upsert(PasswordLink, row, ['userId']);
    const organizationId = user.staffOrganizationId ?? user.organizationId;
    await this.audit.record(db, { event: 'PASSWORD_LINK_MADE', organizationId, userId, by });
    const url = `${this.settings.PUBLIC_URL}${PASSWORD_LINK_PATH}?token=${token}`;
    return { url, expires: toIso(expiresAt) };
  }

  /** The account of a link. This does not use it up. @throws DomainError `invalid_token` */
  async require(token: string): Promise<PasswordLinkOwner> {
    return this.database.transaction(async (db) => this.requireOwner(db, await this.requireLink(db, token)));
  }

  /**
   * Sets the password. Of any number of concurrent calls, one does so.
   *
   * @throws DomainError `invalid_password`, which does not use the link up; `invalid_token`
   */
  async use(token: string, password: string): Promise<void> {
    const { name, emailAddress } = await this.require(token);
    const hash = await this.passwords.hashStrong(password, [name, emailAddress]);
    await this.database.transaction(async (db) => {
      const link = await this.requireLink(db, token);
      const { userId, tokenHash } = link;
      // Of any number of concurrent calls, one deletes the link.
      const { affected } = await db.delete(PasswordLink, { userId, tokenHash });
      if (affected !== 1) throw gone();
      const { id } = await this.requireOwner(db, link);
      await this.passwords.store(db, id, hash, { userId: id });
    });
  }

  /** Removes every link. */
  async removeAll(db: EntityManager): Promise<void> {
    await db.createQueryBuilder().delete().from(PasswordLink).execute();
  }

  async prune(): Promise<void> {
    await prune(this.database, PRUNE, [this.clock.now()]);
  }

  private async requireLink(db: EntityManager, token: string): Promise<PasswordLink> {
    const expiresAt = MoreThan(this.clock.now());
    const link = await db.findOneBy(PasswordLink, { tokenHash: hashSecret(token), expiresAt });
    if (!link) throw gone();
    return link;
  }

  /**
   * The account of a link. Whoever made the link must still have the right to, because both accounts may have changed
   * since.
   */
  private async requireOwner(
    db: EntityManager,
    { userId, madeBy }: Pick<PasswordLink, 'userId' | 'madeBy'>,
  ): Promise<PasswordLinkOwner> {
    const user = await db.findOneBy(User, { id: userId, status: 'ACTIVE' });
    const address = await db.findOneBy(EmailAddress, { userId, isPrimary: true });
    if (!user || !address) throw gone();
    const maker = madeBy === null ? null : { userId: madeBy };
    if (maker && !(await isAllowed(this.policy.requireMayResetPassword(db, maker, user)))) throw gone();
    return { id: user.id, name: user.name, emailAddress: address.address };
  }
}

function gone(): DomainError {
  return new DomainError(
    'invalid_token',
    'This link was already used, has expired, or was replaced by a newer one. Ask for a new one where you got it.',
  );
}
