import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { ALWAYS, isSamePeriod, isValid, periodOf, showPeriod } from '../rights/period.js';
import type { GivenPeriod } from '../rights/period.js';
import { RevocationService } from '../rights/revocation.service.js';
import type { Effects } from '../rights/revocation.service.js';
import { AuditService } from '../audit/audit.service.js';
import type { Caller } from '../common/caller.js';
import { Clock } from '../common/clock.js';
import { Database } from '../database/database.js';
import { AccountPermission, PERMISSIONS } from '../schema/entities/account-permission.entity.js';
import type { Permission } from '../schema/entities/account-permission.entity.js';
import type { AuditDetails } from '../schema/entities/audit-events.js';
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

  /** Grants a permission. @throws DomainError `not_permitted`, `nonexistent_user`, `invalid_period` */
  grant(caller: Caller, ref: UserRef, permission: Permission, period: GivenPeriod): Promise<PermissionsDto> {
    return this.database.transaction(async (db) => {
      const user = await this.policy.requireMayGrant(db, caller, await findUser(db, caller, ref), permission);
      return this.give(db, user, permission, period, caller);
    });
  }

  /**
   * Revokes a permission, and ends whatever was obtained with it. @throws DomainError `not_permitted`,
   * `nonexistent_user`
   */
  revoke(caller: Caller, ref: UserRef, permission: Permission): Promise<PermissionsDto> {
    return this.database.transaction((db) => this.revokeIn(db, caller, ref, permission));
  }

  /** What `revoke` would end. @throws DomainError as `revoke` does */
  effectsOfRevoking(caller: Caller, ref: UserRef, permission: Permission): Promise<Effects> {
    return this.revocation.preview((db) => this.revokeIn(db, caller, ref, permission));
  }

  /**
   * Grants a permission, or changes its period. The caller of this method has checked that `by` may grant it; this one
   * checks for how long. @throws DomainError `not_permitted`, `invalid_period`
   */
  async give(
    db: EntityManager,
    user: User,
    permission: Permission,
    given: GivenPeriod,
    by: Caller | null,
  ): Promise<PermissionsDto> {
    const row = { userId: user.id, permission };
    const before = await db.findOneBy(AccountPermission, row);
    const period = periodOf(given, before, this.clock.now());
    if (!before || !isSamePeriod(before, period)) {
      if (by) await this.policy.requireHoldsUntil(db, by, permission, period.validUntil);
      if (before && permission === 'MANAGE_STAFF') await this.policy.requireMayShorten(db, user, before, period);
      // What a right that has ended allowed does not come back with it.
      if (before) await this.revocation.revokeUngrantedTokens(db, user.id, null);
      await db.upsert(AccountPermission, { ...row, ...period }, ['userId', 'permission']);
      await this.record(db, 'PERMISSION_GRANTED', by, user, { permission, ...showPeriod(period) });
    }
    // Callers who lack the new permission may have let the account in before. They no longer may.
    await this.revocation.revokeUngrantedTokens(db, user.id, by);
    return this.permissionsOf(db, user.id);
  }

  /** Revokes a permission. The caller of this method has checked that `by` may do so. */
  async take(db: EntityManager, user: User, permission: Permission, by: Caller | null): Promise<PermissionsDto> {
    const row = { userId: user.id, permission };
    if (await db.existsBy(AccountPermission, row))
      await this.record(db, 'PERMISSION_REVOKED', by, user, { permission });
    await db.delete(AccountPermission, row);
    await this.revocation.revokeUngrantedTokens(db, user.id, by);
    return this.permissionsOf(db, user.id);
  }

  /** The permissions that the account has now, and the periods of those that begin or end. */
  async permissionsOf(db: EntityManager, userId: string): Promise<PermissionsDto> {
    const rows = await db.findBy(AccountPermission, { userId });
    const now = this.clock.now();
    const held = new Map(rows.map((row) => [row.permission, row]));
    const permissions = PERMISSIONS.filter((permission) => isValid(held.get(permission), now));
    const periods = PERMISSIONS.flatMap((permission) => {
      const period = held.get(permission);
      if (!period || isSamePeriod(period, ALWAYS)) return [];
      const { validFrom, validUntil } = showPeriod(period);
      return { permission, validFrom, validUntil };
    });
    return { permissions, ...(periods.length > 0 && { periods }) };
  }

  private async revokeIn(
    db: EntityManager,
    caller: Caller,
    ref: UserRef,
    permission: Permission,
  ): Promise<PermissionsDto> {
    const user = await this.policy.requireMayRevoke(db, caller, await findUser(db, caller, ref), permission);
    return this.take(db, user, permission, caller);
  }

  private record(
    db: EntityManager,
    event: 'PERMISSION_GRANTED' | 'PERMISSION_REVOKED',
    by: Caller | null,
    user: User,
    details: AuditDetails,
  ): Promise<void> {
    const { id: userId, staffOrganizationId: organizationId } = user;
    return this.audit.record(db, { event, organizationId, userId, by, details });
  }
}
