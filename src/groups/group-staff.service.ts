import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { EntityManager, Repository } from 'typeorm';
import { ALWAYS, isSamePeriod, periodOf, showPeriod } from '../rights/period.js';
import type { GivenPeriod, Period } from '../rights/period.js';
import { RevocationService } from '../rights/revocation.service.js';
import type { Effects } from '../rights/revocation.service.js';
import { AuditService } from '../audit/audit.service.js';
import type { Caller } from '../common/caller.js';
import { Clock } from '../common/clock.js';
import { DomainError } from '../common/errors/errors.js';
import { count } from '../http/paging.js';
import type { OffsetQueryDto } from '../http/paging.js';
import { searchRange } from '../common/search-text.js';
import { Database } from '../database/database.js';
import { findUser } from '../users/find-user.js';
import { userMatchesSearch } from '../users/user-search.js';
import type { UserRef } from '../common/user-ref.js';
import type { User } from '../schema/entities/user.entity.js';
import { UsersService } from '../users/users.service.js';
import type { GroupStaffDto, GroupStaffListDto } from './dto/group-staff.dto.js';
import { GroupStaff } from '../schema/entities/group-staff.entity.js';
import type { GroupPermission } from '../schema/entities/group-staff.entity.js';
import type { AuditDetails } from '../schema/entities/audit-events.js';
import type { Group } from '../schema/entities/group.entity.js';
import { GroupsPolicy } from './groups.policy.js';
import { requireGroup } from './groups.service.js';

/** The permissions of staff users on a group (docs/api.md, section 7.3). */
@Injectable()
export class GroupStaffService {
  constructor(
    @InjectRepository(GroupStaff) private readonly rows: Repository<GroupStaff>,
    private readonly database: Database,
    private readonly users: UsersService,
    private readonly policy: GroupsPolicy,
    private readonly revocation: RevocationService,
    private readonly audit: AuditService,
    private readonly clock: Clock,
  ) {}

  /** Lists a group's staff. @throws DomainError `unknown_group`, `not_permitted` */
  async list(
    caller: Caller,
    groupId: string,
    { query, resultStart, resultSize }: OffsetQueryDto,
  ): Promise<GroupStaffListDto> {
    await this.policy.requireMayView(
      caller,
      await requireGroup(this.rows.manager, caller, groupId, 'unknown_group'),
      'not_permitted',
    );
    const list = this.rows.createQueryBuilder('s').where('s.groupId = :groupId', { groupId });
    const range = searchRange(query);
    if (range) list.andWhere(userMatchesSearch('s.userId'), range);
    const total = await count(list.clone().select('s.userId', 'id'), query);
    const rows = await list.orderBy('s.userId').offset(resultStart).limit(resultSize).getMany();
    const rights = new Map(rows.map((row) => [row.userId, row]));
    const users = await this.users.showAll(rows.map(({ userId }) => userId));
    const group = { id: groupId };
    const groupStaffUsers = users.map((user) => {
      const right = rights.get(user.id)!;
      const { validFrom, validUntil } = showPeriod(right);
      return { group, user, permission: right.permission, validFrom, validUntil };
    });
    return { group, count: groupStaffUsers.length, total, groupStaffUsers };
  }

  /**
   * Sets a staff user's permission on a group, in place of the previous one. @throws DomainError `unknown_group`,
   * `not_permitted`, `unknown_user`, `not_available`
   */
  async allow(
    caller: Caller,
    groupId: string,
    ref: UserRef,
    permission: GroupPermission,
    given: GivenPeriod,
  ): Promise<GroupStaffDto> {
    const { userId, period } = await this.database.transaction(async (db) => {
      const { group, user } = await this.requireChangeable(db, caller, groupId, ref);
      return { userId: user.id, period: await this.give(db, group, user, permission, given, caller) };
    });
    return this.toDto(groupId, userId, permission, period);
  }

  /**
   * Takes a permission away. Taking `VIEW` takes `MANAGE` too.
   *
   * @throws DomainError `unknown_group`, `not_permitted`, `unknown_user`, `not_available`
   */
  async disallow(caller: Caller, groupId: string, ref: UserRef, permission: GroupPermission): Promise<GroupStaffDto> {
    const userId = await this.database.transaction((db) => this.disallowIn(db, caller, groupId, ref, permission));
    return this.toDto(groupId, userId, permission);
  }

  /** What `disallow` would end. @throws DomainError as `disallow` does */
  effectsOfDisallowing(caller: Caller, groupId: string, ref: UserRef, permission: GroupPermission): Promise<Effects> {
    return this.revocation.preview((db) => this.disallowIn(db, caller, groupId, ref, permission));
  }

  /**
   * Sets a permission and its period, and returns the period. The caller of this method has checked that `by` may do so;
   * this one checks for how long. @throws DomainError `not_available`, `not_permitted`, `invalid_period`
   */
  async give(
    db: EntityManager,
    group: Group,
    user: User,
    permission: GroupPermission,
    given: GivenPeriod,
    by: Caller | null,
  ): Promise<Period> {
    if (user.staffOrganizationId !== group.organizationId) throw new DomainError('not_available');
    const row = { userId: user.id, groupId: group.id };
    const before = await db.findOneBy(GroupStaff, row);
    const period = periodOf(given, before, this.clock.now());
    if (before?.permission === permission && isSamePeriod(before, period)) return period;
    if (by) await this.policy.requireManagesUntil(db, by, group, period.validUntil);
    // What a right that has ended allowed does not come back with it.
    if (before) await this.revocation.revokeUngrantedTokens(db, user.id, null);
    await db.upsert(GroupStaff, { ...row, permission, ...period }, ['userId', 'groupId']);
    await this.record(db, 'GROUP_RIGHT_GRANTED', by, group, user, { permission, ...showPeriod(period) });
    if (before) await this.revocation.revokeUngrantedTokens(db, user.id, by);
    return period;
  }

  /**
   * Takes a permission away. The caller of this method has checked that `by` may do so. @throws DomainError
   * `not_available`
   */
  async take(
    db: EntityManager,
    group: Group,
    user: User,
    permission: GroupPermission,
    by: Caller | null,
  ): Promise<void> {
    const row = await db.findOneBy(GroupStaff, { userId: user.id, groupId: group.id });
    if (!row || (permission === 'MANAGE' && row.permission === 'VIEW')) throw new DomainError('not_available');
    await db.delete(GroupStaff, { userId: user.id, groupId: group.id });
    await this.record(db, 'GROUP_RIGHT_REVOKED', by, group, user, { permission: row.permission });
    await this.revocation.revokeUngrantedTokens(db, user.id, by);
  }

  private async disallowIn(
    db: EntityManager,
    caller: Caller,
    groupId: string,
    ref: UserRef,
    permission: GroupPermission,
  ): Promise<string> {
    const { group, user } = await this.requireChangeable(db, caller, groupId, ref);
    await this.take(db, group, user, permission, caller);
    return user.id;
  }

  private record(
    db: EntityManager,
    event: 'GROUP_RIGHT_GRANTED' | 'GROUP_RIGHT_REVOKED',
    by: Caller | null,
    { id: groupId, organizationId }: Group,
    user: User,
    details: AuditDetails,
  ): Promise<void> {
    return this.audit.record(db, { event, organizationId, userId: user.id, groupId, by, details });
  }

  private async requireChangeable(
    db: EntityManager,
    caller: Caller,
    groupId: string,
    ref: UserRef,
  ): Promise<{ group: Group; user: User }> {
    const group = await requireGroup(db, caller, groupId, 'unknown_group');
    const found = await findUser(db, caller, ref);
    return { group, user: await this.policy.requireMayChangeStaff(db, caller, group, found) };
  }

  private async toDto(
    groupId: string,
    userId: string,
    permission: GroupPermission,
    period = ALWAYS,
  ): Promise<GroupStaffDto> {
    return { group: { id: groupId }, user: await this.users.show(userId), permission, ...showPeriod(period) };
  }
}
