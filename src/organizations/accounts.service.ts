import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { Repository } from 'typeorm';
import type { Caller } from '../common/caller.js';
import { count, pageById, pageByName, pageByTerm } from '../http/paging.js';
import type { OffsetQueryDto, Page } from '../http/paging.js';
import { searchRange } from '../common/search-text.js';
import { userMatchesSearch } from '../users/user-search.js';
import { UserSearchTerm } from '../schema/entities/user-search-term.entity.js';
import { User } from '../schema/entities/user.entity.js';
import { UsersPolicy } from '../users/users.policy.js';
import { UsersService } from '../users/users.service.js';
import type { AccountsDto, AccountsQueryDto } from './dto/accounts.dto.js';
import type { StaffDto } from './dto/staff.dto.js';
import { Organization } from '../schema/entities/organization.entity.js';

/** The people whose accounts an organization manages (docs/api.md, section 8.2). */
@Injectable()
export class AccountsService {
  constructor(
    @InjectRepository(Organization) private readonly organizations: Repository<Organization>,
    @InjectRepository(User) private readonly accounts: Repository<User>,
    @InjectRepository(UserSearchTerm) private readonly terms: Repository<UserSearchTerm>,
    private readonly users: UsersService,
    private readonly policy: UsersPolicy,
  ) {}

  /** Lists the accounts. @throws DomainError `not_permitted` */
  async list(caller: Caller, organization: string, query: AccountsQueryDto): Promise<AccountsDto> {
    const id = await this.policy.requireMayList(caller, organization);
    const { ids, pagination } = await (query.relationType === 'ADMIN'
      ? this.staffOf(id, query)
      : this.managedBy(id, query));
    return { accounts: await this.users.showAll(ids), pagination };
  }

  /** Lists the same people ordered by ID, by the number of a row. @throws DomainError `not_permitted` */
  async search(caller: Caller, { query, resultStart, resultSize }: OffsetQueryDto): Promise<StaffDto> {
    const organizationId = await this.policy.requireMayList(caller, 'self');
    const range = searchRange(query);
    const list = range
      ? this.terms
          .createQueryBuilder('t')
          .select('t.userId', 'id')
          .distinct()
          .where('t.organizationId = :organizationId AND t.term >= :from AND t.term < :below')
      : this.accounts
          .createQueryBuilder('u')
          .select('u.id', 'id')
          .where(`u.organizationId = :organizationId AND u.type = 'USER'`);
    list.setParameters({ organizationId, ...range });
    const total = range ? await count(list.clone(), query) : await this.countOf(organizationId);
    const rows = await list.orderBy('id').offset(resultStart).limit(resultSize).getRawMany<{ id: string }>();
    return { total, users: await this.users.showAll(rows.map(({ id }) => id)) };
  }

  private async countOf(organizationId: string): Promise<number> {
    return (await this.organizations.findOneByOrFail({ id: organizationId })).userCount;
  }

  private async managedBy(organizationId: string, query: AccountsQueryDto): Promise<Page> {
    const range = searchRange(query.query);
    const terms = this.terms.createQueryBuilder('t').where('t.organizationId = :organizationId', { organizationId });
    if (range) return pageByTerm(terms, 'userId', range, query);
    const total = await this.countOf(organizationId);
    if (query.order) return pageByName(terms, 'userId', query.order, query, total);
    const all = this.accounts
      .createQueryBuilder('u')
      .where(`u.organizationId = :organizationId AND u.type = 'USER'`, { organizationId });
    return pageById(all, 'u.id', query, total);
  }

  private staffOf(organizationId: string, query: AccountsQueryDto): Promise<Page> {
    const staff = this.accounts
      .createQueryBuilder('u')
      .where(`u.staffOrganizationId = :organizationId AND u.type = 'USER'`, { organizationId });
    const range = searchRange(query.query);
    if (range) staff.andWhere(userMatchesSearch('u.id'), range);
    else if (query.order)
      return pageByName(staff.innerJoin(UserSearchTerm, 't', 't.userId = u.id'), 'userId', query.order, query);
    return pageById(staff, 'u.id', query);
  }
}
