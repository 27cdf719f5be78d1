import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { In } from 'typeorm';
import type { EntityManager, Repository } from 'typeorm';
import type { Caller } from '../common/caller.js';
import { Clock } from '../common/clock.js';
import { DomainError } from '../common/errors/errors.js';
import type { ErrorId } from '../common/errors/errors.js';
import { bound, isValidAt, lastsAsLong, validAt } from '../rights/period.js';
import { AccountPermission } from '../schema/entities/account-permission.entity.js';
import type { UserDto } from '../users/dto/user.dto.js';
import { User } from '../schema/entities/user.entity.js';
import { UsersPolicy } from '../users/users.policy.js';
import { GroupStaff } from '../schema/entities/group-staff.entity.js';
import type { GroupPermission } from '../schema/entities/group-staff.entity.js';
import type { Group } from '../schema/entities/group.entity.js';
import { Membership } from '../schema/entities/membership.entity.js';

/** Groups of an organization: all of them, or those on which a staff user has a permission of their own. */
export interface GroupScope {
  organizationId: string;
  staff: StaffScope | null;
}

export interface StaffScope {
  userId: string;
  /** Without it, any permission counts. */
  permission?: GroupPermission;
}

/**
 * Decides who may do what with a group (docs/api.md, section 7). Methods that take `db` decide inside the transaction
 * that acts on the decision.
 */
@Injectable()
export class GroupsPolicy {
  constructor(
    @InjectRepository(GroupStaff) private readonly staff: Repository<GroupStaff>,
    private readonly users: UsersPolicy,
    private readonly clock: Clock,
  ) {}

  /**
   * Requires `VIEW`: the caller is staff of the group's organization with any permission on the group, or its groups
   * administrator.
   */
  async requireMayView(caller: Caller, group: Group, otherwise: ErrorId = 'no_permission'): Promise<void> {
    const ownOrganization = (await this.users.staffOrganizationOf(caller)) === group.organizationId;
    if (!ownOrganization || !(await this.hasAnyPermission(caller, group))) throw new DomainError(otherwise);
  }

  /**
   * The groups on which the caller has exactly `permission`, or any permission. A groups administrator has `MANAGE` on
   * all groups of the organization. Returns `null` if there are none.
   */
  async groupsOf(caller: Caller, permission?: GroupPermission): Promise<GroupScope | null> {
    const organizationId = await this.users.staffOrganizationOf(caller);
    if (organizationId === null) return null;
    if (!(await this.users.hasPermission(caller.userId, 'MANAGE_ALL_GROUPS')))
      return { organizationId, staff: { userId: caller.userId, permission } };
    return permission === 'VIEW' ? null : { organizationId, staff: null };
  }

  /** The organization of a new group: that of staff with `CREATE_GROUPS`. */
  requireMayCreate(db: EntityManager, caller: Caller): Promise<string> {
    return this.users.requireStaffWith(db, caller, 'CREATE_GROUPS', 'no_permission');
  }

  /**
   * Requires `MANAGE`: the caller is staff of the group's organization with `MANAGE` on the group, or its groups
   * administrator.
   */
  async requireMayManage(
    db: EntityManager,
    { userId }: Caller,
    group: Group,
    otherwise: ErrorId = 'no_permission',
  ): Promise<void> {
    const caller = { id: userId, status: 'ACTIVE', staffOrganizationId: group.organizationId } as const;
    const holder = { user: caller, ...validAt(this.clock.now()) };
    const may =
      (await db.existsBy(GroupStaff, { groupId: group.id, permission: 'MANAGE', ...holder })) ||
      (await db.existsBy(AccountPermission, { permission: 'MANAGE_ALL_GROUPS', ...holder }));
    if (!may) throw new DomainError(otherwise);
  }

  /** Requires `MANAGE_USERS`, which creating an account for a new member needs too. */
  async requireMaySetUp(db: EntityManager, caller: Caller): Promise<void> {
    await this.users.requireStaffWith(db, caller, 'MANAGE_USERS', 'no_permission');
  }

  /**
   * Which of the accounts join at once, by their IDs: those of the caller's organization, if the caller has
   * `MANAGE_USERS` or `MANAGE` on a group of the organization that the account has joined. Every other account must
   * accept an invitation first.
   */
  async whoJoinsAtOnce(
    db: EntityManager,
    { userId }: Caller,
    users: User[],
    { organizationId }: Group,
  ): Promise<Set<string>> {
    const own = users.filter((user) => user.organizationId === organizationId).map(({ id }) => id);
    if (own.length === 0) return new Set();
    const caller = { id: userId, status: 'ACTIVE', staffOrganizationId: organizationId } as const;
    const isValid = validAt(this.clock.now());
    const holder = { user: caller, ...isValid };
    if (await db.existsBy(AccountPermission, { permission: 'MANAGE_USERS', ...holder })) return new Set(own);
    const joined = { userId: In(own), status: 'JOINED', group: { organizationId }, ...isValid } as const;
    const memberships = await db.findBy(Membership, joined);
    if (memberships.length === 0) return new Set();
    const groupId = In([...new Set(memberships.map((membership) => membership.groupId))]);
    const staff = await db.findBy(GroupStaff, { groupId, permission: 'MANAGE', ...holder });
    const managed = new Set(staff.map((one) => one.groupId));
    const managesAll = await db.existsBy(AccountPermission, { permission: 'MANAGE_ALL_GROUPS', ...holder });
    return new Set(memberships.filter((one) => managesAll || managed.has(one.groupId)).map((one) => one.userId));
  }

  /**
   * The members of an account that staff of a group see. They see all of it if their organization manages the account.
   * Otherwise they see the ID, and, once the account has joined, its name and e-mail address.
   */
  visiblePart(user: UserDto, group: Group, status: Membership['status']): Partial<UserDto> & Pick<UserDto, 'id'> {
    if (user.organization?.id === group.organizationId) return user;
    const { type, id, name, realName, emailAddress } = user;
    return status === 'JOINED' ? { type, id, name, realName, emailAddress } : { type, id };
  }

  /** Requires `MANAGE`, for another staff user of the same organization. */
  async requireMayChangeStaff(db: EntityManager, caller: Caller, group: Group, user: User | null): Promise<User> {
    await this.requireMayManage(db, caller, group, 'not_permitted');
    if (user?.id === caller.userId)
      throw new DomainError('not_permitted', 'The caller cannot change their own permission.');
    // The error must not reveal whether another organization has such an account.
    if (!user || ![user.organizationId, user.staffOrganizationId].includes(group.organizationId))
      throw new DomainError('unknown_user');
    return user;
  }

  /** Nobody can give a right on a group for longer than they manage it. `until` is when the given one ends. */
  async requireManagesUntil(db: EntityManager, { userId }: Caller, group: Group, until: Date | null): Promise<void> {
    const holder = { userId, ...validAt(this.clock.now()) };
    const rights = [
      await db.findOneBy(GroupStaff, { groupId: group.id, permission: 'MANAGE', ...holder }),
      await db.findOneBy(AccountPermission, { permission: 'MANAGE_ALL_GROUPS', ...holder }),
    ];
    if (!rights.some((right) => right && lastsAsLong(right.validUntil, until)))
      throw new DomainError('not_permitted', 'The caller cannot give a right for longer than they manage the group.');
  }

  /** Asks for both rights at once, so that an answer takes as many statements for one as for the other. */
  private hasAnyPermission({ userId }: Caller, group: Group): Promise<boolean> {
    const onGroup = `SELECT 1 FROM "group_staff" s WHERE s."user_id" = u.id AND s."group_id" = :groupId AND ${isValidAt('s', ':now')}`;
    const onAll = `SELECT 1 FROM "account_permissions" p WHERE p."user_id" = u.id AND p."permission" = 'MANAGE_ALL_GROUPS' AND ${isValidAt('p', ':now')}`;
    return this.staff.manager
      .createQueryBuilder(User, 'u')
      .where('u.id = :userId', { userId, groupId: group.id, now: bound(this.clock.now()) })
      .andWhere(`(EXISTS (${onGroup}) OR EXISTS (${onAll}))`)
      .getExists();
  }
}
