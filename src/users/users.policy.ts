import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Not } from 'typeorm';
import type { EntityManager, Repository } from 'typeorm';
import type { Caller } from '../common/caller.js';
import { Clock, toIso } from '../common/clock.js';
import { toNamingRef } from '../common/user-ref.js';
import type { UserRef } from '../common/user-ref.js';
import { Database } from '../database/database.js';
import { DomainError } from '../common/errors/errors.js';
import type { ErrorId } from '../common/errors/errors.js';
import { isValid, lastsAsLong, notEndedAt, validAt } from '../rights/period.js';
import type { Period } from '../rights/period.js';
import { GroupStaff } from '../schema/entities/group-staff.entity.js';
import { refParameters, statementsByRef } from '../schema/user-ref-sql.js';
import { lockOrganization } from '../schema/lock-organization.js';
import { AccountPermission } from '../schema/entities/account-permission.entity.js';
import type { Permission } from '../schema/entities/account-permission.entity.js';
import { User } from '../schema/entities/user.entity.js';

/** The organization on whose staff the caller is, and the account if the caller may see it. */
const VISIBLE = statementsByRef(
  'find_visible_user',
  ({ userId, next }) =>
    `SELECT CASE WHEN c."status" = 'ACTIVE' THEN c."staff_organization_id" END AS "organizationId",
            (SELECT u."id" FROM "users" u WHERE u."id" = ${userId}
               AND (u."id" = c."id" OR (u."organization_id" = c."staff_organization_id" AND c."status" = 'ACTIVE'))) AS "id"
     FROM "users" c WHERE c."id" = $${next}`,
);

interface Visible {
  organizationId: string | null;
  id: string | null;
}

/**
 * Decides who may see and change which account (docs/api.md, section 6). Methods that take `db` decide inside the
 * transaction that acts on the decision.
 */
@Injectable()
export class UsersPolicy {
  constructor(
    @InjectRepository(User) private readonly users: Repository<User>,
    @InjectRepository(AccountPermission) private readonly permissions: Repository<AccountPermission>,
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /**
   * The ID of an account that the caller may see: their own, or one that their organization manages if they are on its
   * staff. Another organization's account is refused like one that does not exist, at the same cost, so that nobody
   * learns who has an account there.
   *
   * @throws DomainError `no_access` if the caller is on nobody's staff; `nonexistent_user`
   */
  async requireMaySee(caller: Caller, ref: UserRef): Promise<string> {
    const named = toNamingRef(caller, ref);
    const parameters = [...refParameters(named), caller.userId];
    const [found] = await this.database.read<Visible>(VISIBLE[named.by], parameters);
    if (found?.id) return found.id;
    throw new DomainError(found?.organizationId ? 'nonexistent_user' : 'no_access');
  }

  /**
   * The organization whose accounts the caller may list: the one on whose staff the caller is. `self` stands for its
   * ID.
   */
  async requireMayList(caller: Caller, organization: string): Promise<string> {
    const own = await this.staffOrganizationOf(caller);
    if (own === null || (organization !== 'self' && organization !== own)) throw new DomainError('not_permitted');
    return own;
  }

  /** The organization whose audit log the caller may read: that of staff with `VIEW_AUDIT_LOG`. */
  requireMayViewAuditLog(caller: Caller): Promise<string> {
    return this.requireStaffMember(caller, 'VIEW_AUDIT_LOG');
  }

  /** The organization whose users' sessions and login tokens the caller may see: that of staff with `MANAGE_USERS`. */
  requireMaySeeSessions(caller: Caller): Promise<string> {
    return this.requireStaffMember(caller, 'MANAGE_USERS');
  }

  /** The organization whose users' sessions the caller may end: that of staff with `MANAGE_USERS`. */
  requireMayEndSessions(db: EntityManager, caller: Caller): Promise<string> {
    return this.requireStaffWith(db, caller, 'MANAGE_USERS', 'not_permitted');
  }

  /** Requires that the organization manages the user. */
  requireManaged(organizationId: string, user: User | null): User {
    if (user?.organizationId !== organizationId) throw new DomainError('nonexistent_user');
    return user;
  }

  /** The organization on whose staff the caller is, or `null` if there is none or the account is blocked. */
  async staffOrganizationOf({ userId }: Caller): Promise<string | null> {
    const caller = await this.users.findOneBy({ id: userId, status: 'ACTIVE' });
    return caller?.staffOrganizationId ?? null;
  }

  hasPermission(userId: string, permission: Permission): Promise<boolean> {
    return this.permissions.existsBy({ userId, permission, ...validAt(this.clock.now()) });
  }

  /** How many people can manage the staff of an organization now. */
  countStaffManagers(organizationId: string): Promise<number> {
    return this.permissions.countBy({
      permission: 'MANAGE_STAFF',
      user: { staffOrganizationId: organizationId, type: 'USER', status: 'ACTIVE' },
      ...validAt(this.clock.now()),
    });
  }

  /** The organization that will manage a new account: that of staff with `MANAGE_USERS`. */
  requireMayCreate(db: EntityManager, caller: Caller): Promise<string> {
    return this.requireStaffWith(db, caller, 'MANAGE_USERS', 'no_permission');
  }

  /**
   * Allows the caller's own account, except for its status and third-party IDs; and any account that the caller's
   * organization manages, with `MANAGE_USERS`, or `MANAGE_SERVICE_ACCOUNTS` for a service account.
   */
  async requireMayChange(
    db: EntityManager,
    caller: Pick<Caller, 'userId'>,
    user: User | null,
    isAdministrative: boolean,
  ): Promise<User> {
    if (user?.id === caller.userId && !isAdministrative) return user;
    const staff = await db.findOneBy(User, { id: caller.userId });
    const own = user && user.organizationId === staff?.staffOrganizationId ? user : null;
    const permission = own?.type === 'SERVICE_ACCOUNT' ? 'MANAGE_SERVICE_ACCOUNTS' : 'MANAGE_USERS';
    const organizationId = await this.requireStaffWith(db, caller, permission, 'no_access');
    if (own?.organizationId !== organizationId) throw new DomainError('nonexistent_user');
    return own;
  }

  /**
   * Refuses an account with a permission that the caller lacks, or has for a shorter time. Whoever may delete an account,
   * or change its names, status or password, could act as that account or in its place.
   *
   * @throws DomainError `otherwise`
   */
  async requireHoldsPermissionsOf(
    db: EntityManager,
    { userId }: Pick<Caller, 'userId'>,
    account: User,
    otherwise: ErrorId,
  ): Promise<void> {
    const now = this.clock.now();
    const own = await db.findBy(AccountPermission, { userId, ...validAt(now) });
    const ends = new Map(own.map(({ permission, validUntil }) => [permission, validUntil]));
    const theirs = { userId: account.id, ...notEndedAt(now) };
    for (const { permission, validUntil } of await db.findBy(AccountPermission, theirs)) {
      const end = ends.get(permission);
      if (end === undefined)
        throw new DomainError(
          otherwise,
          `The account has the permission ${permission}, which the caller does not have.`,
        );
      if (!lastsAsLong(end, validUntil))
        throw new DomainError(
          otherwise,
          `The account has the permission ${permission} for longer than the caller, who has it until ${toIso(end!)}.`,
        );
    }
  }

  /**
   * Requires `MANAGE_USERS`, for an account that the organization manages and that has no permission which the caller
   * lacks. Whoever makes a link that verifies an address needs this when they make it, and when it is used.
   */
  async requireMayVerifyAddressesOf(
    db: EntityManager,
    caller: Pick<Caller, 'userId'>,
    account: User | null,
  ): Promise<User> {
    const user = await this.requireMayChange(db, caller, account, true);
    await this.requireHoldsPermissionsOf(db, caller, user, 'no_access');
    return user;
  }

  /**
   * Whether addresses that the caller sets are verified: with `MANAGE_USERS` in the organization that manages the
   * account, also for the caller's own account.
   */
  async mayVerifyAddressesOf(db: EntityManager, { userId }: Caller, user: User): Promise<boolean> {
    if (user.organizationId === null) return false;
    const caller = { id: userId, status: 'ACTIVE', staffOrganizationId: user.organizationId } as const;
    return db.existsBy(AccountPermission, { permission: 'MANAGE_USERS', user: caller, ...validAt(this.clock.now()) });
  }

  /**
   * Requires `MANAGE_USERS`, for a person's account that the organization manages and that has no permission and no
   * group right which the caller lacks: whoever sets the password can sign in as that person. Users who change their
   * own password give the current one instead.
   */
  async requireMayResetPassword(db: EntityManager, caller: Pick<Caller, 'userId'>, user: User | null): Promise<User> {
    const organizationId = await this.requireStaffWith(db, caller, 'MANAGE_USERS', 'no_access');
    if (user?.organizationId !== organizationId) throw new DomainError('nonexistent_user');
    if (user.type === 'SERVICE_ACCOUNT') throw new DomainError('no_access', 'A service account has no password.');
    if (user.id === caller.userId)
      throw new DomainError(
        'no_access',
        'Change your own password at /oauth/account. That needs your current password.',
      );
    await this.requireHoldsRightsOf(db, caller, user, 'no_access');
    return user;
  }

  /**
   * Refuses an account with rights that the caller lacks, on groups too. Whoever has an account's password or key can
   * do everything that the account may.
   *
   * @throws DomainError `otherwise`
   */
  async requireHoldsRightsOf(
    db: EntityManager,
    caller: Pick<Caller, 'userId'>,
    account: User,
    otherwise: ErrorId,
  ): Promise<void> {
    const { userId } = caller;
    await this.requireHoldsPermissionsOf(db, caller, account, otherwise);
    const now = this.clock.now();
    const all = await db.findOneBy(AccountPermission, { userId, permission: 'MANAGE_ALL_GROUPS', ...validAt(now) });
    const own = new Map((await db.findBy(GroupStaff, { userId, ...validAt(now) })).map((row) => [row.groupId, row]));
    const theirs = { userId: account.id, ...notEndedAt(now) };
    for (const { groupId, permission, validUntil } of await db.findBy(GroupStaff, theirs)) {
      const onGroup = own.get(groupId);
      const includesIt = onGroup?.permission === 'MANAGE' || onGroup?.permission === permission;
      const rights = [all, includesIt ? onGroup : null].filter((right) => right !== null);
      if (rights.length === 0)
        throw new DomainError(otherwise, `The account has ${permission} on a group, and the caller does not.`);
      if (!rights.some((right) => lastsAsLong(right.validUntil, validUntil)))
        throw new DomainError(otherwise, `The account has ${permission} on a group for longer than the caller.`);
    }
  }

  /** A service account has no other reference than its ID. */
  requireCanBeAddressed(user: User): void {
    if (user.type === 'SERVICE_ACCOUNT')
      throw new DomainError('no_access', 'A service account cannot have e-mail addresses or third-party IDs.');
  }

  /** Refuses to block the caller's own account, and the last account that can manage the organization's staff. */
  async requireMayBlock(db: EntityManager, caller: Caller, user: User): Promise<void> {
    if (caller.userId === user.id) throw new DomainError('no_access', 'The caller cannot block their own account.');
    await this.requireOtherStaffManager(db, user, 'no_access');
  }

  /**
   * Requires `MANAGE_USERS`, for an account that the organization manages and that has no permission which the caller
   * lacks. The caller's own account and accounts that manage groups are refused.
   */
  async requireMayDelete(db: EntityManager, caller: Caller, user: User | null): Promise<User> {
    const organizationId = await this.requireStaffWith(db, caller, 'MANAGE_USERS', 'access_denied');
    if (user?.id === caller.userId) throw new DomainError('cannot_delete_self');
    if (user?.organizationId !== organizationId)
      throw new DomainError('not_found', 'No user matches the given reference.');
    if (user.type === 'SERVICE_ACCOUNT')
      throw new DomainError('access_denied', 'Delete a service account with DELETE service-account/{id}.');
    await this.requireHoldsPermissionsOf(db, caller, user, 'access_denied');
    if (await this.managesGroups(db, user)) throw new DomainError('account_is_group_manager');
    await this.requireOtherStaffManager(db, user, 'access_denied');
    return user;
  }

  /** Allows the caller's own account, and staff of the same organization with `MANAGE_STAFF`. */
  async requireMaySeePermissions(db: EntityManager, caller: Caller, user: User | null): Promise<User> {
    if (user?.id === caller.userId) return user;
    return this.requireStaffOf(db, caller, user);
  }

  /** Requires `MANAGE_STAFF`, for other staff of the same organization. Callers can't grant what they lack. */
  async requireMayGrant(db: EntityManager, caller: Caller, found: User | null, permission: Permission): Promise<User> {
    const user = await this.requireMayChangePermissions(db, caller, found);
    const { userId } = caller;
    if (!(await db.existsBy(AccountPermission, { userId, permission, ...validAt(this.clock.now()) })))
      throw new DomainError('not_permitted', 'The caller cannot grant a permission that they do not have.');
    return user;
  }

  /** Nobody can grant a permission for longer than they have it. `until` is when the granted one ends. */
  async requireHoldsUntil(
    db: EntityManager,
    { userId }: Pick<Caller, 'userId'>,
    permission: Permission,
    until: Date | null,
  ): Promise<void> {
    const own = await db.findOneBy(AccountPermission, { userId, permission, ...validAt(this.clock.now()) });
    if (!own || !lastsAsLong(own.validUntil, until))
      throw new DomainError('not_permitted', 'The caller cannot grant a permission for longer than they have it.');
  }

  /**
   * Requires that somebody else can manage the organization's staff for as long as `user` now can, if `MANAGE_STAFF` of
   * `user` is about to get a period in which it counts for less.
   */
  async requireMayShorten(db: EntityManager, user: User, before: Period, after: Period): Promise<void> {
    if (isValid(after, this.clock.now()) && lastsAsLong(after.validUntil, before.validUntil)) return;
    if (user.staffOrganizationId) await lockOrganization(db, user.staffOrganizationId);
    await this.requireOtherStaffManager(db, user, 'not_permitted');
  }

  /**
   * Requires `MANAGE_STAFF`, for other staff. Somebody always keeps `MANAGE_STAFF`: the caller, or somebody who has it
   * for longer.
   */
  async requireMayRevoke(db: EntityManager, caller: Caller, found: User | null, permission: Permission): Promise<User> {
    const user = await this.requireMayChangePermissions(db, caller, found);
    if (permission === 'MANAGE_STAFF') await this.requireOtherStaffManager(db, user, 'not_permitted');
    return user;
  }

  /** Requires `MANAGE_STAFF`, for other staff. Nobody changes their own permissions. */
  private async requireMayChangePermissions(db: EntityManager, caller: Caller, found: User | null): Promise<User> {
    const user = await this.requireStaffOf(db, caller, found);
    if (user.id === caller.userId)
      throw new DomainError('not_permitted', 'The caller cannot change their own permissions.');
    return user;
  }

  /**
   * Requires `MANAGE_STAFF` in the organization, for an account that the organization manages or that nobody does.
   * Another organization's account can't be taken from it. `null` is an account that does not exist yet.
   */
  async requireMayAppoint(db: EntityManager, caller: Caller, organizationId: string, user: User | null): Promise<void> {
    await this.requireStaffManager(db, caller, organizationId);
    if (user) this.requireAppointable(organizationId, user);
  }

  /** Requires that the account is on nobody's staff and that no other organization manages it. */
  requireAppointable(organizationId: string, user: User): void {
    if (user.staffOrganizationId === organizationId) throw new DomainError('already_staff_user');
    const linked = [user.staffOrganizationId, user.organizationId].some((id) => id !== null && id !== organizationId);
    if (linked) throw new DomainError('linked_to_other_organization');
  }

  /** Requires `MANAGE_STAFF`, for anybody else on the staff who manages no group. */
  async requireMayDismiss(db: EntityManager, caller: Caller, organizationId: string, user: User | null): Promise<User> {
    await this.requireStaffManager(db, caller, organizationId);
    if (user?.id === caller.userId) throw new DomainError('cannot_demote_self');
    const dismissed = await this.requireDismissible(db, organizationId, user);
    await this.requireOtherStaffManager(db, dismissed, 'staff_disconnection_failed');
    return dismissed;
  }

  /** Requires a person on the staff who manages no group. */
  async requireDismissible(db: EntityManager, organizationId: string, user: User | null): Promise<User> {
    if (user?.staffOrganizationId !== organizationId) throw new DomainError('not_staff_user');
    if (user.type === 'SERVICE_ACCOUNT')
      throw new DomainError(
        'staff_disconnection_failed',
        'A service account cannot be taken off the staff. Delete it instead.',
      );
    if (await this.managesGroups(db, user)) throw new DomainError('staff_disconnection_failed');
    return user;
  }

  private async requireStaffMember(caller: Caller, permission: Permission): Promise<string> {
    const organizationId = await this.staffOrganizationOf(caller);
    if (organizationId === null || !(await this.hasPermission(caller.userId, permission)))
      throw new DomainError('not_permitted');
    return organizationId;
  }

  /** Requires staff of this organization with `MANAGE_STAFF`. @throws DomainError `not_permitted` */
  async requireStaffManager(db: EntityManager, caller: Caller, organizationId: string): Promise<void> {
    const own = await this.requireStaffWith(db, caller, 'MANAGE_STAFF', 'not_permitted');
    if (own !== organizationId) throw new DomainError('not_permitted');
  }

  /**
   * Requires that somebody else can manage the organization's staff, for at least as long as `user`, unless `user` can't
   * either. @throws DomainError `otherwise`
   */
  async requireOtherStaffManager(db: EntityManager, user: User, otherwise: ErrorId): Promise<void> {
    const now = this.clock.now();
    const { id, staffOrganizationId } = user;
    if (staffOrganizationId === null) return;
    const own = await db.findOneBy(AccountPermission, { userId: id, permission: 'MANAGE_STAFF', ...notEndedAt(now) });
    if (!own) return;
    const others = await db.findBy(AccountPermission, {
      permission: 'MANAGE_STAFF',
      userId: Not(id),
      user: { staffOrganizationId, status: 'ACTIVE' },
      ...validAt(now),
    });
    if (others.length === 0)
      throw new DomainError(otherwise, 'This is the last account that can manage the staff of its organization.');
    if (!others.some(({ validUntil }) => lastsAsLong(validUntil, own.validUntil)))
      throw new DomainError(
        otherwise,
        'The other accounts that can manage the staff of the organization can do so for a shorter time only.',
      );
  }

  /** Whether the account has `MANAGE` on a group, or will have. */
  private managesGroups(db: EntityManager, { id: userId }: User): Promise<boolean> {
    return db.existsBy(GroupStaff, { userId, permission: 'MANAGE', ...notEndedAt(this.clock.now()) });
  }

  /**
   * The organization on whose staff the caller is, if the caller has `permission`. Changes by an organization's staff
   * run one after the other, so that two of them can't remove each other's last administrator or act on a right that is
   * gone.
   *
   * @throws DomainError `otherwise`
   */
  async requireStaffWith(
    db: EntityManager,
    { userId }: Pick<Caller, 'userId'>,
    permission: Permission,
    otherwise: ErrorId,
  ): Promise<string> {
    const before = await db.findOneBy(User, { id: userId });
    if (before?.staffOrganizationId) await lockOrganization(db, before.staffOrganizationId);
    const caller = await db.findOneBy(User, { id: userId, status: 'ACTIVE' });
    const may = await db.existsBy(AccountPermission, { userId, permission, ...validAt(this.clock.now()) });
    if (!caller?.staffOrganizationId || !may) throw new DomainError(otherwise);
    return caller.staffOrganizationId;
  }

  /** Requires `MANAGE_STAFF`, for staff of the same organization. */
  private async requireStaffOf(db: EntityManager, caller: Caller, user: User | null): Promise<User> {
    const organizationId = await this.requireStaffWith(db, caller, 'MANAGE_STAFF', 'not_permitted');
    if (!user || ![user.organizationId, user.staffOrganizationId].includes(organizationId))
      throw new DomainError('nonexistent_user');
    if (user.staffOrganizationId !== organizationId) throw new DomainError('not_permitted');
    return user;
  }
}
