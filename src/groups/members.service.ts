import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { In } from 'typeorm';
import type { EntityManager, Repository } from 'typeorm';
import { RevocationService } from '../rights/revocation.service.js';
import type { AuditEventName } from '../schema/entities/audit-events.js';
import { AuditService } from '../audit/audit.service.js';
import type { Caller } from '../common/caller.js';
import { Clock, toIso } from '../common/clock.js';
import { DomainError } from '../common/errors/errors.js';
import { pageById, pageIn, totalIn } from '../http/paging.js';
import type { VersionedQueryDto } from '../http/paging.js';
import type { ApiVersion } from '../common/paths.js';
import { searchRange } from '../common/search-text.js';
import { Database } from '../database/database.js';
import { insertOrIgnore } from '../database/insert-or-ignore.js';
import { findUser } from '../users/find-user.js';
import { userMatchesSearch, userMatchesVisibleSearch, visibleSearchParameters } from '../users/user-search.js';
import { isEmailAddress } from '../common/user-ref.js';
import type { UserRef } from '../common/user-ref.js';
import { User } from '../schema/entities/user.entity.js';
import { UsersService } from '../users/users.service.js';
import type { AddedMemberDto, AddedMembersDto, MemberDto, MembersDto, NewMemberDto } from './dto/member.dto.js';
import type { Group } from '../schema/entities/group.entity.js';
import { GroupsPolicy } from './groups.policy.js';
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
   * `already_invited`, and the errors of a new account's fields
   */
  async add(caller: Caller, groupId: string, ref: UserRef, fields: NewMemberDto): Promise<MemberDto> {
    const { group, membership } = await this.database.transaction(async (db) => {
      const group = await requireGroup(db, caller, groupId, 'group_not_found');
      await this.policy.requireMayManage(db, caller, group);
      const user = (await findUser(db, caller, ref)) ?? (await this.createAccount(db, caller, group, ref, fields));
      const placed = (await this.place(db, caller, group, [user])).get(user.id)!;
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
   * @throws DomainError `group_not_found`, `no_permission`
   */
  async addAll(caller: Caller, groupId: string, ids: string[]): Promise<AddedMembersDto> {
    const placed = await this.database.transaction(async (db) => {
      const group = await requireGroup(db, caller, groupId, 'group_not_found');
      await this.policy.requireMayManage(db, caller, group);
      return this.place(db, caller, group, await db.findBy(User, { id: In(ids) }));
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
  ): Promise<void> {
    return this.audit.record(db, { event, organizationId, userId, groupId, by });
  }

  /** Creates the account for a reference to nobody. */
  private async createAccount(
    db: EntityManager,
    caller: Caller,
    group: Group,
    ref: UserRef,
    { setup, ...fields }: NewMemberDto,
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
   * Lets accounts join, or invites them. Returns by ID what each is then, or why it can't be added; the others are added
   * all the same.
   */
  private async place(
    db: EntityManager,
    caller: Caller,
    group: Group,
    users: User[],
  ): Promise<Map<string, Membership['status'] | DomainError>> {
    const groupId = group.id;
    const there = await db.findBy(Membership, { groupId, userId: In(users.map(({ id }) => id)) });
    const before = new Map(there.map(({ userId, status }) => [userId, status]));
    const joining = await this.policy.whoJoinsAtOnce(
      db,
      caller,
      users.filter(({ id }) => before.get(id) !== 'JOINED'),
      group,
    );
    const now = this.clock.now();
    const joined: Partial<Membership>[] = [];
    const invited: Partial<Membership>[] = [];
    const placed = new Map<string, Membership['status'] | DomainError>();
    for (const { id: userId, type } of users) {
      const fault = faultOf(type, before.get(userId), joining.has(userId));
      if (fault) placed.set(userId, new DomainError(...fault));
      else if (joining.has(userId)) joined.push({ userId, groupId, status: 'JOINED', joinedAt: now });
      else invited.push({ userId, groupId, status: 'INVITED', invitedAt: now });
    }
    if (joined.length > 0) await db.upsert(Membership, joined, ['userId', 'groupId']);
    if (invited.length > 0) await insertOrIgnore(db, Membership, invited);
    for (const { userId, status } of [...joined, ...invited]) {
      placed.set(userId!, status!);
      await this.record(db, status === 'JOINED' ? 'MEMBER_JOINED' : 'MEMBER_INVITED', caller, group, userId!);
    }
    return placed;
  }

  /** The members in the order of `userIds`. Accounts that have been deleted meanwhile are left out. */
  private async toDtos(group: Group, userIds: string[], memberships: Membership[]): Promise<MemberDto[]> {
    const byUser = new Map(memberships.map((membership) => [membership.userId, membership]));
    return (await this.users.showAll(userIds.filter((id) => byUser.has(id)))).map((user) => {
      const { status, joinedAt, invitedAt } = byUser.get(user.id)!;
      return {
        member: this.policy.visiblePart(user, group, status),
        joined: joinedAt ? toIso(joinedAt) : undefined,
        invited: joinedAt || !invitedAt ? undefined : toIso(invitedAt),
        status,
      };
    });
  }
}

/** Why an account can't be added to a group. `before` is what it is in the group. */
function faultOf(
  type: User['type'],
  before: Membership['status'] | undefined,
  joins: boolean,
): ConstructorParameters<typeof DomainError> | null {
  if (type !== 'USER') return ['unknown_user', 'A service account cannot be in a group.'];
  if (before === 'JOINED') return ['already_member'];
  return before && !joins ? ['already_invited'] : null;
}

function describeResult(user: string, placed: Membership['status'] | DomainError): AddedMemberDto {
  if (!(placed instanceof DomainError)) return { user, status: placed };
  return { user, error: { id: placed.id, description: placed.message } };
}
