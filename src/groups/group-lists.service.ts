import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { ObjectLiteral, Repository, SelectQueryBuilder } from 'typeorm';
import type { Caller } from '../common/caller.js';
import { Clock } from '../common/clock.js';
import { pageById, pageByName, pageByTerm, pageIn, totalIn } from '../http/paging.js';
import type { Page, PageQuery } from '../http/paging.js';
import type { ApiVersion } from '../common/paths.js';
import { bound, isValidAt } from '../rights/period.js';
import { searchRange } from '../common/search-text.js';
import { Organization } from '../schema/entities/organization.entity.js';
import { OrganizationsService } from '../organizations/organizations.service.js';
import { User } from '../schema/entities/user.entity.js';
import type { GroupsDto, GroupsQueryDto } from './dto/group.dto.js';
import type { NamedGroupDto } from './dto/membership.dto.js';
import { groupMatchesSearch } from './group-search.js';
import { GroupSearchTerm } from '../schema/entities/group-search-term.entity.js';
import { GroupStaff } from '../schema/entities/group-staff.entity.js';
import { Group } from '../schema/entities/group.entity.js';
import { GroupsPolicy } from './groups.policy.js';
import type { GroupScope, StaffScope } from './groups.policy.js';
import { GroupsService } from './groups.service.js';

const NOTHING: Page = { ids: [], pagination: { total: 0, moreAvailable: false } };

/** Custom references are not unique. */
const MAX_NAMED = 10;

/** Lists of groups (docs/api.md, section 7.1). */
@Injectable()
export class GroupListsService {
  constructor(
    @InjectRepository(Group) private readonly groups: Repository<Group>,
    private readonly organizations: OrganizationsService,
    private readonly shown: GroupsService,
    private readonly policy: GroupsPolicy,
    private readonly clock: Clock,
  ) {}

  /** Lists the groups that the caller has access to. The list is empty for callers who are on nobody's staff. */
  async list(caller: Caller, query: GroupsQueryDto, version: ApiVersion): Promise<GroupsDto> {
    return this.show(await this.policy.groupsOf(caller, query.permission), query, version);
  }

  /**
   * Lists all groups of the caller's organization, or those on which the caller has the given permission.
   *
   * @throws DomainError `not_linked_to_organization`, `not_found`, `not_permitted`
   */
  async listAll(caller: Caller, organization: string, query: GroupsQueryDto, version: ApiVersion): Promise<GroupsDto> {
    const { id: organizationId } = await this.organizations.require(caller, organization);
    if (query.permission) return this.list(caller, query, version);
    return this.show({ organizationId, staff: null }, query, version);
  }

  /** Lists all groups of an organization. The caller of this method has checked the permission. */
  listOf(organizationId: string, query: GroupsQueryDto): Promise<GroupsDto> {
    return this.show({ organizationId, staff: null }, query, '2.1.1');
  }

  /** Finds the groups with this ID, or with exactly this custom reference, among those that `list` lists. */
  async findNamed(caller: Caller, text: string): Promise<NamedGroupDto[]> {
    const scope = await this.policy.groupsOf(caller);
    if (!scope) return [];
    // Two statements, because a condition on one or the other of two columns is a range of no index.
    return [
      ...(await this.named(scope, 'g.id = :text', text)),
      ...(await this.named(scope, 'g.customReference = :text', text)),
    ];
  }

  private named(scope: GroupScope, condition: string, text: string): Promise<NamedGroupDto[]> {
    return this.inScope(scope)
      .select('g.id', 'id')
      .addSelect('g.name', 'name')
      .andWhere(condition, { text })
      .orderBy('g.id')
      .limit(MAX_NAMED)
      .getRawMany<NamedGroupDto>();
  }

  private async show(scope: GroupScope | null, query: GroupsQueryDto, version: ApiVersion): Promise<GroupsDto> {
    const { ids, pagination } = scope ? await this.pageOf(scope, pageIn(version, query)) : NOTHING;
    return { groups: await this.shown.showAll(ids), total: totalIn(version, pagination), pagination };
  }

  private async pageOf(scope: GroupScope, query: GroupsQueryDto & PageQuery): Promise<Page> {
    const { organizationId, staff } = scope;
    const { customReference, order } = query;
    const range = searchRange(query.query);
    const isAll = !staff && !customReference;
    const terms = this.groups.manager
      .createQueryBuilder(GroupSearchTerm, 't')
      .where('t.organizationId = :organizationId', { organizationId });
    if (range && isAll) return pageByTerm(terms, 'groupId', range, query);
    const list = this.inScope(scope);
    if (range) list.andWhere(groupMatchesSearch('g.id'), range);
    if (customReference) list.andWhere('g.customReference = :customReference', query);
    const total = range || customReference ? undefined : await this.totalOf(scope);
    if (order && !range)
      return pageByName(
        isAll ? terms : list.innerJoin(GroupSearchTerm, 't', 't.groupId = g.id'),
        'groupId',
        order,
        query,
        total,
      );
    // Starts from the staff member's rights: they may have few in an organization with many groups.
    return pageById(list, staff ? 's.groupId' : 'g.id', query, total);
  }

  private inScope({ organizationId, staff }: GroupScope): SelectQueryBuilder<ObjectLiteral> {
    const list = staff ? this.groupsOfStaff(staff) : this.groups.createQueryBuilder('g');
    return list.andWhere('g.organizationId = :organizationId', { organizationId });
  }

  private groupsOfStaff({ userId, permission }: StaffScope): SelectQueryBuilder<ObjectLiteral> {
    const list = this.groups.manager
      .createQueryBuilder(GroupStaff, 's')
      .innerJoin('s.group', 'g')
      .where('s.userId = :userId', { userId })
      .andWhere(isValidAt('s', ':now'), { now: bound(this.clock.now()) });
    return permission ? list.andWhere('s.permission = :permission', { permission }) : list;
  }

  private async totalOf({ organizationId, staff }: GroupScope): Promise<number> {
    if (!staff) return (await this.groups.manager.findOneByOrFail(Organization, { id: organizationId })).groupCount;
    const { userId, permission } = staff;
    // The database counts rights without looking at the clock.
    const notNow = this.groups.manager
      .createQueryBuilder(GroupStaff, 's')
      .select('COUNT(*)')
      .where('s.userId = u.id AND (s.validFrom IS NOT NULL OR s.validUntil IS NOT NULL)')
      .andWhere(`NOT (${isValidAt('s', ':now')})`);
    if (permission) notNow.andWhere('s.permission = :permission');
    const rights = await this.groups.manager
      .createQueryBuilder(User, 'u')
      .select('u.groupsWithManage', 'manage')
      .addSelect('u.groupsWithView', 'view')
      .addSelect(`(${notNow.getQuery()})`, 'notNow')
      .where('u.id = :userId', { userId, permission, now: bound(this.clock.now()) })
      .getRawOne<{ manage: number; view: number; notNow: number | string }>();
    const { manage, view, notNow: others } = rights!;
    return (permission === 'VIEW' ? 0 : manage) + (permission === 'MANAGE' ? 0 : view) - Number(others);
  }
}
