import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { In } from 'typeorm';
import type { Repository, SelectQueryBuilder } from 'typeorm';
import type { Caller } from '../common/caller.js';
import { Clock } from '../common/clock.js';
import type { UserRef } from '../common/user-ref.js';
import { countUpTo, MAX_COUNTED, pageById } from '../http/paging.js';
import type { PageQueryDto } from '../http/paging.js';
import { bound, isValidAt } from '../rights/period.js';
import { GroupStaff } from '../schema/entities/group-staff.entity.js';
import { Membership } from '../schema/entities/membership.entity.js';
import { UsersPolicy } from '../users/users.policy.js';
import type { MembershipsDto } from './dto/membership.dto.js';
import { GroupsPolicy } from './groups.policy.js';
import type { GroupScope } from './groups.policy.js';
import { showMembership } from './show-membership.js';

const NOTHING: MembershipsDto = { memberships: [], pagination: { total: 0, moreAvailable: false } };

/** The groups of a user (docs/api.md, section 7.2). */
@Injectable()
export class MembershipsService {
  constructor(
    @InjectRepository(Membership) private readonly memberships: Repository<Membership>,
    private readonly users: UsersPolicy,
    private readonly policy: GroupsPolicy,
    private readonly clock: Clock,
  ) {}

  /**
   * Lists the groups that a user is in or invited to. It has only those on which the caller has a permission.
   *
   * @throws DomainError `no_access`, `nonexistent_user`
   */
  async list(caller: Caller, ref: UserRef, query: PageQueryDto): Promise<MembershipsDto> {
    const userId = await this.users.requireMaySee(caller, ref);
    const scope = await this.policy.groupsOf(caller);
    if (!scope) return NOTHING;
    const all = this.inScope(userId, scope);
    const total = await countUpTo(MAX_COUNTED, all.clone().select('m.groupId', 'id'));
    const { ids, pagination } = await pageById(all, 'm.groupId', query, total);
    const found = await this.memberships.find({
      where: { userId, groupId: In(ids) },
      relations: { group: true },
      order: { groupId: 'ASC' },
    });
    const memberships = found.map((one) => {
      const { id, name } = one.group;
      return Object.assign({ group: { id, name } }, showMembership(one));
    });
    return { memberships, pagination };
  }

  private inScope(userId: string, { organizationId, staff }: GroupScope): SelectQueryBuilder<Membership> {
    const all = this.memberships
      .createQueryBuilder('m')
      .innerJoin('m.group', 'g')
      .where('m.userId = :userId AND g.organizationId = :organizationId', { userId, organizationId });
    if (!staff) return all;
    return all
      .innerJoin(GroupStaff, 's', 's.groupId = m.groupId AND s.userId = :staffId', { staffId: staff.userId })
      .andWhere(isValidAt('s', ':now'), { now: bound(this.clock.now()) });
  }
}
