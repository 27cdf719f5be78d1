import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Caller } from '../common/caller.js';
import { DomainError } from '../common/errors/errors.js';
import type { User } from '../schema/entities/user.entity.js';
import { UsersPolicy } from '../users/users.policy.js';

/**
 * Decides who may administer an organization's clients and service accounts: its staff with `MANAGE_SERVICE_ACCOUNTS`
 * (docs/api.md, section 9). Methods that take `db` decide inside the transaction that acts on the decision.
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
    return this.users.requireStaffWith(db, caller, 'MANAGE_SERVICE_ACCOUNTS', 'not_permitted');
  }

  /** Refuses a key of an account that has rights which the caller lacks. */
  requireMayHoldKeyOf(db: EntityManager, caller: Caller, account: User): Promise<void> {
    return this.users.requireHoldsRightsOf(db, caller, account, 'not_permitted');
  }

  /**
   * Refuses to delete the caller's own account, the last account that can manage the staff, and an account with a
   * permission that the caller lacks.
   */
  async requireMayDelete(db: EntityManager, caller: Caller, account: User): Promise<void> {
    if (account.id === caller.userId) throw new DomainError('cannot_delete_self');
    await this.users.requireHoldsPermissionsOf(db, caller, account, 'not_permitted');
    await this.users.requireOtherStaffManager(db, account, 'not_permitted');
  }
}
