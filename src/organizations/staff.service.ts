import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { EntityManager, Repository } from 'typeorm';
import { RevocationService } from '../rights/revocation.service.js';
import type { Effects } from '../rights/revocation.service.js';
import { AuditService } from '../audit/audit.service.js';
import type { Caller } from '../common/caller.js';
import { DomainError } from '../common/errors/errors.js';
import { count, rowsOf } from '../http/paging.js';
import type { WholeListQueryDto } from '../http/paging.js';
import { searchRange } from '../common/search-text.js';
import { Database } from '../database/database.js';
import { GroupStaff } from '../schema/entities/group-staff.entity.js';
import { AccountPermission } from '../schema/entities/account-permission.entity.js';
import type { UserDto } from '../users/dto/user.dto.js';
import { findUser } from '../users/find-user.js';
import { isEmailAddress } from '../common/user-ref.js';
import type { UserRef } from '../common/user-ref.js';
import { userMatchesSearch } from '../users/user-search.js';
import { User } from '../schema/entities/user.entity.js';
import { UsersPolicy } from '../users/users.policy.js';
import { UsersService } from '../users/users.service.js';
import type { NewStaffDto, StaffDto } from './dto/staff.dto.js';
import { OrganizationsService } from './organizations.service.js';

/** The staff of an organization (docs/api.md, section 8.3). */
@Injectable()
export class StaffService {
  constructor(
    @InjectRepository(User) private readonly accounts: Repository<User>,
    private readonly organizations: OrganizationsService,
    private readonly database: Database,
    private readonly users: UsersService,
    private readonly policy: UsersPolicy,
    private readonly revocation: RevocationService,
    private readonly audit: AuditService,
  ) {}

  /**
   * Lists people and service accounts by name. @throws DomainError `not_linked_to_organization`, `not_found`,
   * `not_permitted`
   */
  async list(caller: Caller, organization: string, query: WholeListQueryDto): Promise<StaffDto> {
    const { id } = await this.organizations.require(caller, organization);
    const staff = this.accounts.createQueryBuilder('u').where('u.staffOrganizationId = :id', { id });
    const range = searchRange(query.query);
    if (range) staff.andWhere(userMatchesSearch('u.id'), range);
    const total = await count(staff.clone().select('u.id', 'id'), query.query);
    const { offset, limit } = rowsOf(query);
    const page = staff.select('u.id', 'id').orderBy('u.name').addOrderBy('u.id').offset(offset).limit(limit);
    const found = await page.getRawMany<{ id: string }>();
    return { total, users: await this.users.showAll(found.map((user) => user.id)) };
  }

  /**
   * Adds an account to the staff, without any permissions yet. If nobody has the e-mail address, an account is created.
   *
   * @throws DomainError those of `list`, `already_staff_user`, `linked_to_other_organization`, `missing_name`,
   * `invalid_email_address`, `unknown_user`
   */
  async appoint(caller: Caller, organization: string, ref: UserRef, { name }: NewStaffDto): Promise<UserDto> {
    const { id: organizationId } = await this.organizations.require(caller, organization);
    const userId = await this.database.transaction(async (db) => {
      const found = await findUser(db, caller, ref);
      await this.policy.requireMayAppoint(db, caller, organizationId, found);
      const id = found?.id ?? (await this.setUp(db, caller, organizationId, ref, name));
      await this.insert(db, organizationId, id, caller);
      return id;
    });
    return this.users.show(userId);
  }

  /** Adds an account to the staff. The caller of this method has checked that `by` may do so. */
  async insert(db: EntityManager, organizationId: string, userId: string, by: Caller | null): Promise<void> {
    await db.update(User, { id: userId }, { staffOrganizationId: organizationId });
    await this.audit.record(db, { event: 'STAFF_APPOINTED', organizationId, userId, by });
  }

  /**
   * Removes an account from the staff, with its permissions. The account itself stays.
   *
   * @throws DomainError those of `list`, `cannot_demote_self`, `not_staff_user`, `staff_disconnection_failed`
   */
  async dismiss(caller: Caller, organization: string, ref: UserRef): Promise<void> {
    const { id } = await this.organizations.require(caller, organization);
    await this.database.transaction((db) => this.dismissIn(db, caller, id, ref));
  }

  /** What `dismiss` would end. @throws DomainError as `dismiss` does */
  async effectsOfDismissing(caller: Caller, organization: string, ref: UserRef): Promise<Effects> {
    const { id } = await this.organizations.require(caller, organization);
    return this.revocation.preview((db) => this.dismissIn(db, caller, id, ref));
  }

  /** Removes an account from the staff. The caller of this method has checked that `by` may do so. */
  async remove(db: EntityManager, organizationId: string, userId: string, by: Caller | null): Promise<void> {
    await db.delete(AccountPermission, { userId });
    await db.delete(GroupStaff, { userId });
    await db.update(User, { id: userId }, { staffOrganizationId: null });
    await this.audit.record(db, { event: 'STAFF_DISMISSED', organizationId, userId, by });
    await this.revocation.revokeUngrantedTokens(db, userId, by);
  }

  private async dismissIn(db: EntityManager, caller: Caller, organizationId: string, ref: UserRef): Promise<void> {
    const user = await this.policy.requireMayDismiss(db, caller, organizationId, await findUser(db, caller, ref));
    await this.remove(db, organizationId, user.id, caller);
  }

  private setUp(
    db: EntityManager,
    caller: Caller,
    organizationId: string,
    ref: UserRef,
    name?: string | null,
  ): Promise<string> {
    if (ref.by !== 'emailAddress') throw new DomainError('unknown_user');
    if (!isEmailAddress(ref.address)) throw new DomainError('invalid_email_address');
    if (!name) throw new DomainError('missing_name');
    return this.users.insert(db, caller, organizationId, { name, emailAddress: ref.address });
  }
}
