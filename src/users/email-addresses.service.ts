import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { IsNull, MoreThan, Not } from 'typeorm';
import type { EntityManager, Repository } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import type { AuditDetails, AuditEventName } from '../schema/entities/audit-events.js';
import type { Caller } from '../common/caller.js';
import { addSeconds, Clock, SECONDS_PER_DAY, toIso } from '../common/clock.js';
import { DomainError } from '../common/errors/errors.js';
import { hashSecret, newSecret } from '../common/id.js';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import type { UserEmailAddressDto, UserEmailAddressesDto, VerificationLinkDto } from './dto/email-address.dto.js';
import { EmailAddress } from '../schema/entities/email-address.entity.js';
import {
  addEmailAddress,
  claimEmailAddress,
  makePrimary,
  MAX_ADDRESSES,
  replaceEmailAddress,
} from './email-addresses.js';
import { findUser } from './find-user.js';
import { UnverifiedEmailAddress } from '../schema/entities/unverified-email-address.entity.js';
import { isAllowed } from './is-allowed.js';
import { indexUser } from './user-search.js';
import type { UserRef } from '../common/user-ref.js';
import type { User } from '../schema/entities/user.entity.js';
import { UsersPolicy } from './users.policy.js';

/** The path of the link that verifies an address. */
export const VERIFICATION_PATH = 'login/email-address';
/** A message may wait in an inbox overnight. */
const LINK_SECONDS = SECONDS_PER_DAY;

/** What the page behind a link shows. */
export interface Verification {
  address: string;
  user: User;
}

/**
 * The e-mail addresses of an account. Only verified addresses name the account: an administrator has set them, or
 * whoever receives the mail has opened a link.
 */
@Injectable()
export class EmailAddressesService {
  constructor(
    @InjectRepository(UnverifiedEmailAddress) private readonly unverified: Repository<UnverifiedEmailAddress>,
    private readonly database: Database,
    private readonly policy: UsersPolicy,
    private readonly audit: AuditService,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /**
   * Lists the addresses: the primary one first, unverified ones last. @throws DomainError `no_access`,
   * `nonexistent_user`
   */
  async list(caller: Caller, ref: UserRef): Promise<UserEmailAddressesDto> {
    return addressesOf(this.unverified.manager, await this.policy.requireMaySee(caller, ref));
  }

  /** Finds an address. @throws DomainError those of `list`, `not_owner` */
  async get(caller: Caller, ref: UserRef, address: string): Promise<UserEmailAddressDto> {
    return requireListed(await this.list(caller, ref), address);
  }

  /**
   * Adds an address. It is verified if an administrator adds it, and unverified if users add it to their own account.
   *
   * @throws DomainError `no_access`, `nonexistent_user`, `email_address_in_use`, `email_not_added`
   */
  async add(caller: Caller, ref: UserRef, address: string): Promise<UserEmailAddressDto> {
    const { manager } = this.unverified;
    const id = await this.database.transaction(async (db) => {
      const user = await this.requireChangeable(db, caller, ref);
      if (await db.existsBy(EmailAddress, { userId: user.id, address })) return user.id;
      const isVerified = await this.policy.mayVerifyAddressesOf(db, caller, user);
      if (!isVerified) await claimEmailAddress(db, user.id, address, false);
      else {
        await requireRoom(db, user.id);
        const { isPrimary } = await addEmailAddress(db, user.id, address, 'email_address_in_use');
        // An administrator has chosen the first address, so none that waits may replace it.
        if (isPrimary) await makePrimary(db, user.id, address);
        await indexUser(db, user.id);
      }
      await this.record(db, 'EMAIL_ADDRESS_ADDED', user, caller, { verified: isVerified });
      return user.id;
    });
    return requireListed(await addressesOf(manager, id), address);
  }

  /**
   * Removes an address. @throws DomainError `no_access`, `nonexistent_user`, `not_owner`, `cannot_remove_primary_email`
   */
  async remove(caller: Caller, ref: UserRef, address: string): Promise<void> {
    await this.database.transaction(async (db) => {
      const user = await this.requireChangeable(db, caller, ref);
      const own = { userId: user.id, address };
      const verified = await db.findOneBy(EmailAddress, own);
      if (verified?.isPrimary) throw new DomainError('cannot_remove_primary_email');
      if (!verified && !(await db.existsBy(UnverifiedEmailAddress, own))) throw new DomainError('not_owner');
      await db.delete(verified ? EmailAddress : UnverifiedEmailAddress, own);
      await indexUser(db, user.id);
      await this.record(db, 'EMAIL_ADDRESS_REMOVED', user, caller, { verified: verified !== null });
    });
  }

  /**
   * Makes a verified address the primary one. @throws DomainError `no_access`, `nonexistent_user`, `not_verified`,
   * `email_not_linked`
   */
  async makePrimary(caller: Caller, ref: UserRef, address: string): Promise<UserEmailAddressesDto> {
    const id = await this.database.transaction(async (db) => {
      const user = await this.requireChangeable(db, caller, ref);
      const own = { userId: user.id, address };
      if (!(await db.existsBy(EmailAddress, own)))
        throw new DomainError((await db.existsBy(UnverifiedEmailAddress, own)) ? 'not_verified' : 'email_not_linked');
      await makePrimary(db, user.id, address);
      await this.record(db, 'ACCOUNT_CHANGED', user, caller, { fields: ['emailAddress'] });
      return user.id;
    });
    return addressesOf(this.unverified.manager, id);
  }

  /**
   * Makes a link that verifies an address of the account, and replaces the previous link. The caller must send the link
   * to that address and show it to nobody else.
   *
   * @throws DomainError `no_access`, `nonexistent_user`, `not_owner`; `email_address_in_use` if another account has it
   */
  async makeLink(caller: Caller, ref: UserRef, address: string): Promise<VerificationLinkDto> {
    const secret = newSecret();
    const expiresAt = addSeconds(this.clock.now(), LINK_SECONDS);
    await this.database.transaction(async (db) => {
      const user = await this.policy.requireMayVerifyAddressesOf(db, caller, await findUser(db, caller, ref));
      const link = { linkHash: hashSecret(secret), linkExpiresAt: expiresAt, linkMadeBy: caller.userId };
      const { affected } = await db.update(UnverifiedEmailAddress, { userId: user.id, address }, link);
      if (affected !== 1) throw new DomainError('not_owner');
      // After the update, because whoever takes the address at the same time ends the link first.
      if (await db.existsBy(EmailAddress, { address })) throw new DomainError('email_address_in_use');
      await this.record(db, 'EMAIL_ADDRESS_LINK_MADE', user, caller);
    });
    return { url: `${this.settings.PUBLIC_URL}/${VERIFICATION_PATH}?token=${secret}`, expires: toIso(expiresAt) };
  }

  /** What a link would verify. It changes nothing. @throws DomainError `invalid_token` */
  requireVerification(secret: string): Promise<Verification> {
    return this.database.transaction((db) => this.requireLink(db, secret));
  }

  /**
   * Verifies the address of a link. Of any number of concurrent requests, one does so.
   *
   * @throws DomainError `invalid_token`; `email_address_in_use` if another account gets it at the same time;
   * `email_not_added`
   */
  verify(secret: string): Promise<string> {
    return this.database.transaction(async (db) => {
      const { address, isPrimary, user } = await this.requireLink(db, secret);
      const { affected } = await db.delete(UnverifiedEmailAddress, {
        ...this.linked(secret),
        userId: user.id,
        address,
      });
      if (affected !== 1) throw invalidLink();
      if (!isPrimary) await requireRoom(db, user.id);
      await addEmailAddress(db, user.id, address, 'email_address_in_use');
      if (isPrimary) await replaceEmailAddress(db, user.id, address);
      await indexUser(db, user.id);
      const about = { organizationId: user.organizationId, userId: user.id, by: null };
      await this.audit.record(db, { event: 'EMAIL_ADDRESS_VERIFIED', ...about });
      return address;
    });
  }

  /**
   * The address that a link verifies. Whoever made the link must still have the right to, because both accounts may
   * have changed since.
   */
  private async requireLink(db: EntityManager, secret: string): Promise<UnverifiedEmailAddress> {
    const found = await db.findOne(UnverifiedEmailAddress, {
      where: { ...this.linked(secret), user: { status: 'ACTIVE' } },
      relations: { user: { organization: true } },
    });
    if (!found?.linkMadeBy) throw invalidLink();
    const maker = { userId: found.linkMadeBy };
    if (!(await isAllowed(this.policy.requireMayVerifyAddressesOf(db, maker, found.user)))) throw invalidLink();
    return found;
  }

  private linked(secret: string): { linkHash: string; linkExpiresAt: ReturnType<typeof MoreThan<Date>> } {
    return { linkHash: hashSecret(secret), linkExpiresAt: MoreThan(this.clock.now()) };
  }

  /** Makes every link that verifies an address invalid. The addresses stay, unverified. */
  async removeAllLinks(db: EntityManager): Promise<void> {
    await db.update(
      UnverifiedEmailAddress,
      { linkHash: Not(IsNull()) },
      { linkHash: null, linkExpiresAt: null, linkMadeBy: null },
    );
  }

  private async requireChangeable(db: EntityManager, caller: Caller, ref: UserRef): Promise<User> {
    const user = await this.policy.requireMayChange(db, caller, await findUser(db, caller, ref), false);
    await this.policy.requireHoldsPermissionsOf(db, caller, user, 'no_access');
    this.policy.requireCanBeAddressed(user);
    return user;
  }

  private record(
    db: EntityManager,
    event: AuditEventName,
    { id: userId, organizationId }: User,
    by: Caller,
    details?: AuditDetails,
  ): Promise<void> {
    return this.audit.record(db, { event, organizationId, userId, by, details });
  }
}

/** Checks that the account may have one more verified address. @throws DomainError `email_not_added` */
async function requireRoom(db: EntityManager, userId: string): Promise<void> {
  if ((await db.countBy(EmailAddress, { userId })) >= MAX_ADDRESSES) throw new DomainError('email_not_added');
}

function invalidLink(): DomainError {
  return new DomainError(
    'invalid_token',
    'This link was already used, has expired, or was never valid. Ask for a new one.',
  );
}

function requireListed({ userEmailAddresses }: UserEmailAddressesDto, address: string): UserEmailAddressDto {
  const found = userEmailAddresses.find((one) => one.emailAddress.address === address);
  if (!found) throw new DomainError('not_owner');
  return found;
}

async function addressesOf(db: EntityManager, userId: string): Promise<UserEmailAddressesDto> {
  const verified = await db.find(EmailAddress, { where: { userId }, order: { isPrimary: 'DESC', address: 'ASC' } });
  const others = await db.find(UnverifiedEmailAddress, { where: { userId }, order: { address: 'ASC' } });
  const userEmailAddresses = [
    ...verified.map(({ address, isPrimary }) => ({ emailAddress: { address, verified: true }, primary: isPrimary })),
    ...others.map(({ address }) => ({ emailAddress: { address, verified: false }, primary: false })),
  ];
  return { total: userEmailAddresses.length, userEmailAddresses };
}
