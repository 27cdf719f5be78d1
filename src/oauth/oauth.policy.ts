import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Caller } from '../auth/caller.js';
import { DomainError } from '../common/errors/errors.js';
import { GroupStaff } from '../groups/group-staff.entity.js';
import { AccountPermission } from '../users/account-permission.entity.js';
import type { User } from '../users/user.entity.js';
import { requireStaffWith, UsersPolicy } from '../users/users.policy.js';

/**
 * Who may administer the clients and service accounts of an organization (API.md, section 7): its staff with
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

  /**
   * Whoever has a key of a service account can do all that it may: nobody gets one to an account that may do more than
   * they may themselves.
   */
  async requireMayHoldKeyOf(db: EntityManager, caller: Caller, account: User): Promise<void> {
    const { userId } = caller;
    await this.users.requireHoldsPermissionsOf(db, caller, account, 'not_permitted');
    if (await db.existsBy(AccountPermission, { userId, permission: 'MANAGE_ALL_GROUPS' })) return;
    const ownRights = await groupRightsOf(db, userId);
    for (const [groupId, right] of await groupRightsOf(db, account.id))
      if (ownRights.get(groupId) !== 'MANAGE' && ownRights.get(groupId) !== right)
        throw new DomainError('not_permitted', `The service account has ${right} on a group; the caller does not.`);
  }

  /** Any but oneself, the last account that can manage the staff, and one with a permission that the caller lacks. */
  async requireMayDelete(db: EntityManager, caller: Caller, account: User): Promise<void> {
    if (account.id === caller.userId) throw new DomainError('cannot_delete_self');
    await this.users.requireHoldsPermissionsOf(db, caller, account, 'not_permitted');
    await this.users.requireStaffManagerBeside(db, account, 'not_permitted');
  }
}

async function groupRightsOf(db: EntityManager, userId: string): Promise<Map<string, GroupStaff['permission']>> {
  const rows = await db.findBy(GroupStaff, { userId });
  return new Map(rows.map(({ groupId, permission }) => [groupId, permission]));
}
