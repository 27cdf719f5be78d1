import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { validAt } from '../rights/period.js';
import { RevocationService } from '../rights/revocation.service.js';
import { AuditService } from '../audit/audit.service.js';
import type { Caller } from '../common/caller.js';
import { Clock } from '../common/clock.js';
import { Database } from '../database/database.js';
import { insertOrIgnore } from '../database/insert-or-ignore.js';
import { AccountPermission, PERMISSIONS } from '../schema/entities/account-permission.entity.js';
import type { Permission } from '../schema/entities/account-permission.entity.js';
import type { PermissionsDto } from './dto/permissions.dto.js';
import { findUser } from './find-user.js';
import type { UserRef } from '../common/user-ref.js';
import type { User } from '../schema/entities/user.entity.js';
import { UsersPolicy } from './users.policy.js';

/** The permissions of staff in their organization (docs/api.md, section 6.7). */
@Injectable()
export class PermissionsService {
  constructor(
    private readonly database: Database,
    private readonly policy: UsersPolicy,
    private readonly revocation: RevocationService,
    private readonly audit: AuditService,
    private readonly clock: Clock,
  ) {}

  /** Lists an account's permissions. @throws DomainError `not_permitted`, `nonexistent_user` */
  list(caller: Caller, ref: UserRef): Promise<PermissionsDto> {
    return this.database.transaction(async (db) => {
      const user = await this.policy.requireMaySeePermissions(db, caller, await findUser(db, caller, ref));
      return this.permissionsOf(db, user.id);
    });
  }

  /** Grants a permission. @throws DomainError `not_permitted`, `nonexistent_user` */
  grant(caller: Caller, ref: UserRef, permission: Permission): Promise<PermissionsDto> {
    return this.database.transaction(async (db) => {
      const user = await this.policy.requireMayGrant(db, caller, await findUser(db, caller, ref), permission);
      return this.give(db, user, permission, caller);
    });
  }

  /**
   * Revokes a permission, and ends whatever was obtained with it. @throws DomainError `not_permitted`,
   * `nonexistent_user`
   */
  revoke(caller: Caller, ref: UserRef, permission: Permission): Promise<PermissionsDto> {
    return this.database.transaction(async (db) => {
      const user = await this.policy.requireMayRevoke(db, caller, await findUser(db, caller, ref), permission);
      return this.take(db, user, permission, caller);
    });
  }

  /** Grants a permission. The caller of this method has checked that `by` may do so. */
  async give(db: EntityManager, user: User, permission: Permission, by: Caller | null): Promise<PermissionsDto> {
    const row = { userId: user.id, permission };
    if (!(await db.existsBy(AccountPermission, row))) await this.record(db, 'PERMISSION_GRANTED', by, user, permission);
    await insertOrIgnore(db, AccountPermission, row);
    // Callers who lack the new permission may have let the account in before. They no longer may.
    await this.revocation.revokeUngrantedTokens(db, user.id, by);
    return this.permissionsOf(db, user.id);
  }

  /** Revokes a permission. The caller of this method has checked that `by` may do so. */
  async take(db: EntityManager, user: User, permission: Permission, by: Caller | null): Promise<PermissionsDto> {
    const row = { userId: user.id, permission };
    if (await db.existsBy(AccountPermission, row)) await this.record(db, 'PERMISSION_REVOKED', by, user, permission);
    await db.delete(AccountPermission, row);
    await this.revocation.revokeUngrantedTokens(db, user.id, by);
    return this.permissionsOf(db, user.id);
  }

  /** The permissions that the account has now. */
  async permissionsOf(db: EntityManager, userId: string): Promise<PermissionsDto> {
    const rows = await db.findBy(AccountPermission, { userId, ...validAt(this.clock.now()) });
    const held = new Set(rows.map(({ permission }) => permission));
    return { permissions: PERMISSIONS.filter((permission) => held.has(permission)) };
  }

  private record(
    db: EntityManager,
    event: 'PERMISSION_GRANTED' | 'PERMISSION_REVOKED',
    by: Caller | null,
    user: User,
    permission: Permission,
  ): Promise<void> {
    const { id: userId, staffOrganizationId: organizationId } = user;
    return this.audit.record(db, { event, organizationId, userId, by, details: { permission } });
  }
}
