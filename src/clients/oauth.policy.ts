import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Caller } from '../common/caller.js';
import { DomainError } from '../common/errors/errors.js';
import type { User } from '../schema/entities/user.entity.js';
import { requireStaffWith, UsersPolicy } from '../users/users.policy.js';

/**
 * Who may administer the clients and service accounts of an organization (docs/api.md, section 9): its staff with
 * `MANAGE_SERVICE_ACCOUNTS`. What takes `db` decides inside the transaction that acts on the decision.
 */
@Injectable()
export class OAuthPolicy {
  constructor(private readonly users: UsersPolicy) {}

  /** The organization whose clients and service accounts the caller may see. */
  async requireMaySee(caller: Caller): Promise<string> {
    const organizationId = await this.users.staffOrganizationOf(caller);
    if (organizationId === null || !(await this.users.hasPermission(caller.userId, 'MANAGE_SERVICE_ACCOUNTS')))
      throw new DomainError('not_permitted');
    return organizationId;
  }

  /** The organization whose clients and service accounts the caller may change. */
  requireMayChange(db: EntityManager, caller: Caller): Promise<string> {
    return requireStaffWith(db, caller, 'MANAGE_SERVICE_ACCOUNTS', 'not_permitted');
  }

  /** Nobody gets a key of an account that may do more than they may themselves. */
  requireMayHoldKeyOf(db: EntityManager, caller: Caller, account: User): Promise<void> {
    return this.users.requireHoldsRightsOf(db, caller, account, 'not_permitted');
  }

  /** Any but oneself, the last account that can manage the staff, and one with a permission that the caller lacks. */
  async requireMayDelete(db: EntityManager, caller: Caller, account: User): Promise<void> {
    if (account.id === caller.userId) throw new DomainError('cannot_delete_self');
    await this.users.requireHoldsPermissionsOf(db, caller, account, 'not_permitted');
    await this.users.requireStaffManagerBeside(db, account, 'not_permitted');
  }
}
