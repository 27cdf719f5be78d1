import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { In } from 'typeorm';
import type { EntityManager, Repository } from 'typeorm';
import { RevocationService } from '../rights/revocation.service.js';
import { SignInsService } from '../sign-ins/sign-ins.service.js';
import { AuditService } from '../audit/audit.service.js';
import type { Caller } from '../common/caller.js';
import { Clock, toIso } from '../common/clock.js';
import { DomainError } from '../common/errors/errors.js';
import { newId } from '../common/id.js';
import { Database, fromMilliseconds } from '../database/database.js';
import { canonicalLocale } from '../common/locales.js';
import type { UserChangesDto, UserFieldsDto } from './dto/user-fields.dto.js';
import { kindOf } from './dto/user.dto.js';
import type { UserDto } from './dto/user.dto.js';
import { claimEmailAddress, endVerificationLinks, makePrimary, replaceEmailAddress } from './email-addresses.js';
import { EmailAddress } from '../schema/entities/email-address.entity.js';
import { UnverifiedEmailAddress } from '../schema/entities/unverified-email-address.entity.js';
import { findNamedUser, findUser } from './find-user.js';
import type { NamingRef } from '../common/user-ref.js';
import { PasswordLink } from '../schema/entities/password-link.entity.js';
import { assignThirdPartyId, newThirdPartyId } from './third-party-ids.service.js';
import { indexUser } from './user-search.js';
import { normalizeEmailAddress } from '../common/user-ref.js';
import type { ThirdPartyIdRef, UserRef } from '../common/user-ref.js';
import { User } from '../schema/entities/user.entity.js';
import { UsersPolicy } from './users.policy.js';

/** The relations of an account that the API shows. */
const SHOWN = { organization: true, emailAddresses: true, thirdPartyIds: true } as const;

/** A session starts with a login, so the latest session of a user is the last login. */
const LAST_LOGIN = `COALESCE(
  (SELECT s."created_at" FROM "login_tokens" t JOIN "sessions" s ON s."id" = t."id"
   WHERE t."user_id" = u."id" ORDER BY t."id" DESC LIMIT 1),
  (SELECT e."last_login_at" FROM "earlier_logins" e WHERE e."user_id" = u."id"))`;

@Injectable()
export class UsersService {
  constructor(
    @InjectRepository(User) private readonly users: Repository<User>,
    private readonly database: Database,
    private readonly policy: UsersPolicy,
    private readonly revocation: RevocationService,
    private readonly signIns: SignInsService,
    private readonly audit: AuditService,
    private readonly clock: Clock,
  ) {}

  /** Finds an account. @throws DomainError `nonexistent_user`, `no_access` */
  async get(caller: Caller, ref: UserRef): Promise<UserDto> {
    // The account's details are read only after the check. Until then, a call costs the same for any user, and for
    // none.
    const shown = await this.show(await this.policy.requireMaySee(caller, ref));
    // An actor is neither the user nor staff.
    return caller.actorId === undefined ? this.withUnverified(shown) : shown;
  }

  /** Creates an account. @throws DomainError `no_permission`, and the errors of the fields */
  async create(caller: Caller, fields: UserFieldsDto): Promise<UserDto> {
    const id = await this.database.transaction(async (db) => {
      const organizationId = await this.policy.requireMayCreate(db, caller);
      return this.insert(db, caller, organizationId, fields);
    });
    return this.show(id);
  }

  async show(id: string): Promise<UserDto> {
    return (await this.showAll([id]))[0]!;
  }

  private async showWithUnverified(id: string): Promise<UserDto> {
    return this.withUnverified(await this.show(id));
  }

  /** Adds the unverified addresses, for the account itself and for staff of the organization that manages it only. */
  private async withUnverified(user: UserDto): Promise<UserDto> {
    const found = await this.users.manager.find(UnverifiedEmailAddress, {
      where: { userId: user.id },
      order: { address: 'ASC' },
    });
    return found.length === 0 ? user : { ...user, unverifiedEmailAddresses: found.map(({ address }) => address) };
  }

  /** The accounts as the API shows them, ordered by ID. Accounts that have been deleted meanwhile are left out. */
  async showAll(ids: string[]): Promise<UserDto[]> {
    if (ids.length === 0) return [];
    const found = await this.users.find({ where: { id: In(ids) }, relations: SHOWN });
    const users = new Map((await this.describeAll(found)).map((user) => [user.id, user]));
    return ids.flatMap((id) => users.get(id) ?? []);
  }

  /** Creates an account that `organizationId` manages. The caller of this method has checked that `by` may do so. */
  async insert(db: EntityManager, by: Caller | null, organizationId: string, fields: UserFieldsDto): Promise<string> {
    const name = fields.name ?? fields.realName;
    if (!name) throw new DomainError('real_name_not_specified');
    const thirdPartyId = newThirdPartyId(fields);
    if (!fields.emailAddress && !thirdPartyId) throw new DomainError('email_address_not_specified');
    const id = newId();
    await db.insert(User, {
      id,
      type: 'USER',
      status: 'ACTIVE',
      organizationId,
      createdAt: this.clock.now(),
      ...profileOf({ ...fields, name }),
    });
    if (fields.emailAddress) await replaceEmailAddress(db, id, fields.emailAddress);
    if (thirdPartyId) await assignThirdPartyId(db, organizationId, id, thirdPartyId);
    await indexUser(db, id);
    await this.audit.record(db, { event: 'ACCOUNT_CREATED', organizationId, userId: id, by });
    return id;
  }

  /** Changes an account. @throws DomainError `no_access`, `nonexistent_user`, and the errors of the fields */
  async change(caller: Caller, ref: UserRef, changes: UserChangesDto): Promise<UserDto> {
    const id = await this.database.transaction(async (db) => {
      const found = await findUser(db, caller, ref);
      const thirdPartyId = newThirdPartyId(changes);
      const isAdministrative = thirdPartyId !== null || (changes.status ?? found?.status) !== found?.status;
      const user = await this.policy.requireMayChange(db, caller, found, isAdministrative);
      if (isAdministrative || changes.emailAddress)
        await this.policy.requireHoldsPermissionsOf(db, caller, user, 'no_access');
      if (changes.emailAddress || thirdPartyId) this.policy.requireCanBeAddressed(user);
      if (changes.status === 'BLOCKED' && user.status !== 'BLOCKED')
        await this.policy.requireMayBlock(db, caller, user);
      const verified = await this.keepUnverifiedAddress(db, caller, user, changes);
      await this.update(db, user, verified, thirdPartyId ? [thirdPartyId] : [], caller);
      await this.recordChange(db, caller, user, verified);
      return user.id;
    });
    return this.showWithUnverified(id);
  }

  /** The changes without an address that users set for themselves, which must be verified first. */
  private async keepUnverifiedAddress(
    db: EntityManager,
    caller: Caller,
    user: User,
    { emailAddress, ...others }: UserChangesDto,
  ): Promise<UserChangesDto> {
    if (!emailAddress || (await this.policy.mayVerifyAddressesOf(db, caller, user))) return { emailAddress, ...others };
    const { id: userId, organizationId } = user;
    const address = normalizeEmailAddress(emailAddress);
    if (await db.existsBy(EmailAddress, { userId, address })) {
      await makePrimary(db, userId, address);
      return { emailAddress, ...others };
    }
    await claimEmailAddress(db, userId, address, true);
    const details = { verified: false };
    await this.audit.record(db, { event: 'EMAIL_ADDRESS_ADDED', organizationId, userId, by: caller, details });
    return others;
  }

  private async recordChange(db: EntityManager, by: Caller, user: User, changes: UserChangesDto): Promise<void> {
    const { status = user.status, thirdParty, thirdPartyId: _, ...others } = changes;
    const about = { organizationId: user.organizationId, userId: user.id, by };
    const fields = Object.entries(others).flatMap(([name, value]) => (value === undefined ? [] : name));
    if (status !== user.status)
      await this.audit.record(db, { event: status === 'BLOCKED' ? 'ACCOUNT_BLOCKED' : 'ACCOUNT_UNBLOCKED', ...about });
    if (thirdParty)
      await this.audit.record(db, { event: 'THIRD_PARTY_ID_ASSIGNED', ...about, details: { thirdParty } });
    if (fields.length > 0) await this.audit.record(db, { event: 'ACCOUNT_CHANGED', ...about, details: { fields } });
  }

  /**
   * Changes an account. The caller of this method has checked the permission. @throws DomainError the errors of the
   * fields
   */
  async update(
    db: EntityManager,
    user: User,
    changes: UserChangesDto,
    thirdPartyIds: ThirdPartyIdRef[],
    by: Caller | null,
  ): Promise<void> {
    const { id, status: before } = user;
    const { status = before } = changes;
    await db.update(User, { id }, { status, ...profileOf(changes) });
    if (changes.emailAddress) await replaceEmailAddress(db, id, changes.emailAddress);
    for (const thirdPartyId of thirdPartyIds) await assignThirdPartyId(db, user.organizationId!, id, thirdPartyId);
    await indexUser(db, id);
    if (status === before) return;
    await this.revocation.revokeUngrantedTokens(db, id, by);
    if (status !== 'BLOCKED') return;
    await this.signIns.end(db, id);
    // An account that becomes active again needs new links.
    await db.delete(PasswordLink, { userId: id });
    await endVerificationLinks(db, { userId: id });
  }

  /**
   * Deletes an account with its sessions, its login tokens, those that it obtained for others, and its sign-ins.
   *
   * @throws DomainError `access_denied`, `not_found`, `cannot_delete_self`, `account_is_group_manager`
   */
  async remove(caller: Caller, ref: UserRef): Promise<void> {
    await this.database.transaction(async (db) => {
      const user = await this.policy.requireMayDelete(db, caller, await findUser(db, caller, ref));
      const { id: userId, organizationId } = user;
      await this.revocation.revokeAllOf(db, 'account', userId, caller);
      await this.signIns.end(db, userId);
      await db.delete(User, { id: userId });
      await this.audit.record(db, { event: 'ACCOUNT_DELETED', organizationId, userId, by: caller });
    });
  }

  async find(ref: NamingRef): Promise<User | null> {
    const found = await findNamedUser(this.users.manager, ref);
    return found && this.findById(found.id);
  }

  /** Finds a user with their organizations, e-mail addresses and third-party IDs. */
  findById(id: string): Promise<User | null> {
    return this.users.findOne({ where: { id }, relations: { ...SHOWN, staffOrganization: true } });
  }

  /** The account as the API shows it. The user must have been loaded with its relations. */
  async toDto(user: User): Promise<UserDto> {
    return (await this.describeAll([user]))[0]!;
  }

  private async describeAll(users: User[]): Promise<UserDto[]> {
    const rows = await this.users
      .createQueryBuilder('u')
      .select('u.id', 'id')
      .addSelect(LAST_LOGIN, 'lastLogin')
      .where({ id: In(users.map(({ id }) => id)) })
      .getRawMany<{ id: string; lastLogin: number | string | null }>();
    const lastLogins = new Map(
      rows.map(({ id, lastLogin }) => [id, lastLogin === null ? undefined : toIso(fromMilliseconds(lastLogin))]),
    );
    return users.map((user) => toUserDto(user, lastLogins.get(user.id)));
  }
}

function toUserDto(user: User, lastLogin: string | undefined): UserDto {
  const created = toIso(user.createdAt);
  return {
    ...kindOf(user),
    id: user.id,
    name: user.name,
    realName: user.name,
    emailAddress: user.emailAddresses.find(({ isPrimary }) => isPrimary)?.address,
    locale: user.locale ?? undefined,
    timeZone: user.timeZone ?? undefined,
    description: user.description ?? undefined,
    domicile: user.domicile ?? undefined,
    yearOfBirth: user.yearOfBirth ?? undefined,
    organization: user.organization
      ? { type: 'ORGANIZATION', id: user.organization.id, name: user.organization.name }
      : undefined,
    created,
    memberSince: created,
    lastLogin,
    thirdPartyIds: user.thirdPartyIds.map(({ thirdParty, externalId }) => ({ thirdParty, id: externalId })),
    status: user.status,
  };
}

/** The columns for the given fields. Fields that are not given are left out. */
export function profileOf(fields: UserFieldsDto): Partial<User> {
  const { locale, timeZone, description, domicile, yearOfBirth } = fields;
  const name = fields.name ?? fields.realName ?? undefined;
  return {
    ...(name !== undefined && { name }),
    ...(locale !== undefined && { locale: canonicalLocale(locale) }),
    ...(timeZone !== undefined && { timeZone }),
    ...(description !== undefined && { description }),
    ...(domicile !== undefined && { domicile: domicile?.toUpperCase() ?? null }),
    ...(yearOfBirth !== undefined && { yearOfBirth }),
  };
}
