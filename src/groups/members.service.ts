import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { In } from 'typeorm';
import type { EntityManager, Repository } from 'typeorm';
import { hasEnded, isSamePeriod, periodOf, showPeriod } from '../rights/period.js';
import type { GivenPeriod, Period } from '../rights/period.js';
import { RevocationService } from '../rights/revocation.service.js';
import type { AuditDetails, AuditEventName } from '../schema/entities/audit-events.js';
import { AuditService } from '../audit/audit.service.js';
import type { Caller } from '../common/caller.js';
import { Clock } from '../common/clock.js';
import { DomainError } from '../common/errors/errors.js';
import { pageById, pageIn, totalIn } from '../http/paging.js';
import type { VersionedQueryDto } from '../http/paging.js';
import type { ApiVersion } from '../common/paths.js';
import { searchRange } from '../common/search-text.js';
import { Database } from '../database/database.js';
import { findUser } from '../users/find-user.js';
import { userMatchesSearch, userMatchesVisibleSearch, visibleSearchParameters } from '../users/user-search.js';
import { isEmailAddress } from '../common/user-ref.js';
import type { UserRef } from '../common/user-ref.js';
import { User } from '../schema/entities/user.entity.js';
import { UsersService } from '../users/users.service.js';
import type {
  AddedMemberDto,
  AddedMembersDto,
  MemberDto,
  MembersDto,
  NewMemberDto,
  NewMembersDto,
} from './dto/member.dto.js';
import type { Group } from '../schema/entities/group.entity.js';
import { GroupsPolicy } from './groups.policy.js';
import { showMembership } from './show-membership.js';
import { requireGroup } from './groups.service.js';
import { Membership } from '../schema/entities/membership.entity.js';

/** The members of a group, and who is invited to it (docs/api.md, section 7.2). */
@Injectable()
export class MembersService {
  constructor(
    @InjectRepository(Membership) private readonly memberships: Repository<Membership>,
    private readonly database: Database,
    private readonly users: UsersService,
    private readonly policy: GroupsPolicy,
    private readonly revocation: RevocationService,
    private readonly audit: AuditService,
    private readonly clock: Clock,
  ) {}

  /** Lists the members. @throws DomainError `group_not_found`, `no_permission` */
  async list(caller: Caller, groupId: string, query: VersionedQueryDto, version: ApiVersion): Promise<MembersDto> {
    const group = await requireGroup(this.memberships.manager, caller, groupId, 'group_not_found');
    await this.policy.requireMayView(caller, group);
    const counts = { members: group.memberCount, invitees: group.inviteeCount };
    const all = this.memberships.createQueryBuilder('m').where('m.groupId = :groupId', { groupId });
    const range = searchRange(query.query);
    if (range)
      all
        .innerJoin('m.user', 'u')
        .andWhere(userMatchesSearch('m.userId'), range)
        // Inviting strangers and then searching for them must not reveal their names.
        .andWhere(
          `(u.organizationId = :organizationId OR (m.status = 'JOINED' AND ${userMatchesVisibleSearch('u')}))`,
          group,
        )
        .setParameters(visibleSearchParameters(range));
    const { ids, pagination } = await pageById(
      all,
      'm.userId',
      pageIn(version, query),
      range ? undefined : counts.members + counts.invitees,
    );
    const members = await this.memberships.findBy({ groupId, userId: In(ids) });
    const total = totalIn(version, pagination);
    return { members: await this.toDtos(group, ids, members), total, counts, pagination };
  }

  /**
   * Adds an account to a group. If the caller has a right over the account, it joins, also if it was invited before.
   * Any other account is only invited, and can't be let in before it accepts.
   *
   * @throws DomainError `group_not_found`, `no_permission`, `unknown_user`, `name_missing`, `already_member`,
   * `already_invited`, `invalid_period`, and the errors of a new account's fields
   */
  async add(caller: Caller, groupId: string, ref: UserRef, fields: NewMemberDto): Promise<MemberDto> {
    const { group, membership } = await this.database.transaction(async (db) => {
      const group = await requireGroup(db, caller, groupId, 'group_not_found');
      await this.policy.requireMayManage(db, caller, group);
      const user = (await findUser(db, caller, ref)) ?? (await this.createAccount(db, caller, group, ref, fields));
      const placed = (await this.place(db, caller, group, [user], fields)).get(user.id)!;
      if (placed instanceof DomainError) throw placed;
      const membership = await db.findOneByOrFail(Membership, { userId: user.id, groupId });
      return { group, membership };
    });
    return (await this.toDtos(group, [membership.userId], [membership]))[0]!;
  }

  /**
   * Adds accounts to a group by their IDs, each as `add` does. Those that can't be added don't hinder the others. The
   * results have the order of `ids`.
   *
   * @throws DomainError `group_not_found`, `no_permission`, `invalid_period`
   */
  async addAll(caller: Caller, groupId: string, { users: ids, ...period }: NewMembersDto): Promise<AddedMembersDto> {
    const placed = await this.database.transaction(async (db) => {
      const group = await requireGroup(db, caller, groupId, 'group_not_found');
      await this.policy.requireMayManage(db, caller, group);
      return this.place(db, caller, group, await db.findBy(User, { id: In(ids) }), period);
    });
    return { results: ids.map((user) => describeResult(user, placed.get(user) ?? new DomainError('unknown_user'))) };
  }

  /**
   * Removes a member or withdraws an invitation. @throws DomainError `group_not_found`, `no_permission`,
   * `not_group_member`
   */
  async remove(caller: Caller, groupId: string, ref: UserRef): Promise<void> {
    await this.database.transaction(async (db) => {
      const group = await requireGroup(db, caller, groupId, 'group_not_found');
      await this.policy.requireMayManage(db, caller, group);
      const user = await findUser(db, caller, ref);
      if (!user || !(await db.existsBy(Membership, { userId: user.id, groupId })))
        throw new DomainError('not_group_member');
      await db.delete(Membership, { userId: user.id, groupId });
      await this.record(db, 'MEMBER_REMOVED', caller, group, user.id);
      await this.revocation.revokeUngrantedTokens(db, user.id, caller);
    });
  }

  private record(
    db: EntityManager,
    event: AuditEventName,
    by: Caller,
    { id: groupId, organizationId }: Group,
    userId: string,
    period: AuditDetails = {},
  ): Promise<void> {
    const details = Object.keys(period).length > 0 ? period : undefined;
    return this.audit.record(db, { event, organizationId, userId, groupId, by, details });
  }

  /** Creates the account for a reference to nobody. */
  private async createAccount(
    db: EntityManager,
    caller: Caller,
    group: Group,
    ref: UserRef,
    { setup, validFrom: _from, validUntil: _until, ...fields }: NewMemberDto,
  ): Promise<User> {
    if (!setup || ref.by === 'id' || ref.by === 'self') throw new DomainError('unknown_user');
    await this.policy.requireMaySetUp(db, caller);
    if (!fields.name && !fields.realName) throw new DomainError('name_missing');
    if (ref.by === 'emailAddress' && !isEmailAddress(ref.address)) throw new DomainError('invalid_email_address');
    const named =
      ref.by === 'emailAddress' ? { emailAddress: ref.address } : { thirdParty: ref.thirdParty, thirdPartyId: ref.id };
    await this.users.insert(db, caller, group.organizationId, { ...fields, ...named });
    return (await findUser(db, caller, ref))!;
  }

  /**
   * Lets accounts join, or invites them. With a period, whoever is in the group already gets that period. Returns by ID
   * what each is then, or why it can't be added; the others are added all the same.
   */
  private async place(
    db: EntityManager,
    caller: Caller,
    group: Group,
    users: User[],
    { validFrom, validUntil }: GivenPeriod,
  ): Promise<Map<string, Membership['status'] | DomainError>> {
    const given = { validFrom, validUntil };
    const groupId = group.id;
    const now = this.clock.now();
    const there = await db.findBy(Membership, { groupId, userId: In(users.map(({ id }) => id)) });
    const before = new Map(there.map((membership) => [membership.userId, membership]));
    const isMember = (userId: string): boolean =>
      before.get(userId)?.status === 'JOINED' && !hasEnded(before.get(userId)!, now);
    const joining = await this.policy.whoJoinsAtOnce(
      db,
      caller,
      users.filter(({ id }) => !isMember(id)),
      group,
    );
    const rows: (Pick<Membership, 'userId' | 'groupId' | 'status' | 'joinedAt' | 'invitedAt'> & Period)[] = [];
    const placed = new Map<string, Membership['status'] | DomainError>();
    const isGiven = validFrom !== undefined || validUntil !== undefined;
    for (const { id: userId, type } of users) {
      const known = before.get(userId) ?? null;
      const stays = known && !hasEnded(known, now) && !joining.has(userId);
      const fault = faultOf(type, stays ? known.status : undefined, isGiven);
      if (fault) {
        placed.set(userId, new DomainError(...fault));
        continue;
      }
      const period = periodOf(given, known, now);
      if (stays && isSamePeriod(known, period)) {
        placed.set(userId, known.status);
        continue;
      }
      const status = stays ? known.status : joining.has(userId) ? 'JOINED' : 'INVITED';
      const invitedAt = stays || status === 'JOINED' ? (known?.invitedAt ?? null) : now;
      const joinedAt = stays ? known.joinedAt : status === 'JOINED' ? now : null;
      rows.push({ userId, groupId, status, joinedAt, invitedAt, ...period });
      placed.set(userId, status);
    }
    const members = rows.filter(({ userId }) => before.get(userId)?.status === 'JOINED');
    // What a membership that has ended allowed does not come back with it.
    for (const { userId } of members) await this.revocation.revokeUngrantedTokens(db, userId, null);
    if (rows.length > 0) await db.upsert(Membership, rows, ['userId', 'groupId']);
    for (const { userId } of members) await this.revocation.revokeUngrantedTokens(db, userId, caller);
    for (const row of rows) {
      const isChange = before.get(row.userId)?.status === row.status && !hasEnded(before.get(row.userId)!, now);
      const event = isChange ? 'MEMBER_CHANGED' : row.status === 'JOINED' ? 'MEMBER_JOINED' : 'MEMBER_INVITED';
      await this.record(db, event, caller, group, row.userId, showPeriod(row));
    }
    return placed;
  }

  /** The members in the order of `userIds`. Accounts that have been deleted meanwhile are left out. */
  private async toDtos(group: Group, userIds: string[], memberships: Membership[]): Promise<MemberDto[]> {
    const byUser = new Map(memberships.map((membership) => [membership.userId, membership]));
    return (await this.users.showAll(userIds.filter((id) => byUser.has(id)))).map((user) => {
      const membership = byUser.get(user.id)!;
      const member = this.policy.visiblePart(user, group, membership.status);
      return Object.assign({ member }, showMembership(membership));
    });
  }
}

/** Why an account can't be added to a group. `stays` is what it is in the group and will be. */
function faultOf(
  type: User['type'],
  stays: Membership['status'] | undefined,
  isChange: boolean,
): ConstructorParameters<typeof DomainError> | null {
  if (type !== 'USER') return ['unknown_user', 'A service account cannot be in a group.'];
  if (!stays || isChange) return null;
  return [stays === 'JOINED' ? 'already_member' : 'already_invited'];
}

function describeResult(user: string, placed: Membership['status'] | DomainError): AddedMemberDto {
  if (!(placed instanceof DomainError)) return { user, status: placed };
  return { user, error: { id: placed.id, description: placed.message } };
}
