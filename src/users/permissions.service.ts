import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { RevocationService } from '../access/revocation.service.js';
import type { Caller } from '../auth/caller.js';
import { Database } from '../database/database.js';
import { insertOrIgnore } from '../database/insert-or-ignore.js';
import { AccountPermission, PERMISSIONS } from './account-permission.entity.js';
import type { Permission } from './account-permission.entity.js';
import type { PermissionsDto } from './dto/permissions.dto.js';
import { findIn } from './find-user.js';
import type { UserRef } from './user-ref.js';
import { UsersPolicy } from './users.policy.js';

/** What staff may do in their organization (API.md, section 5). */
@Injectable()
export class PermissionsService {
  constructor(
    private readonly database: Database,
    private readonly policy: UsersPolicy,
    private readonly revocation: RevocationService,
  ) {}

  /** @throws DomainError `not_permitted`, `nonexistent_user` */
  list(caller: Caller, ref: UserRef): Promise<PermissionsDto> {
    return this.database.transaction(async (db) => {
      const user = await findIn(db, caller, ref);
      await this.policy.requireMaySeePermissions(db, caller, user);
      return permissionsOf(db, user!.id);
    });
  }

  /** @throws DomainError `not_permitted`, `nonexistent_user` */
  grant(caller: Caller, ref: UserRef, permission: Permission): Promise<PermissionsDto> {
    return this.database.transaction(async (db) => {
      const user = await findIn(db, caller, ref);
      await this.policy.requireMayGrant(db, caller, user, permission);
      return this.give(db, user!.id, permission);
    });
  }

  /** Ends also what was obtained with the permission. @throws DomainError `not_permitted`, `nonexistent_user` */
  revoke(caller: Caller, ref: UserRef, permission: Permission): Promise<PermissionsDto> {
    return this.database.transaction(async (db) => {
      const user = await findIn(db, caller, ref);
      await this.policy.requireMayRevoke(db, caller, user);
      return this.take(db, user!.id, permission);
    });
  }

  /** Whether that may be done is decided before. */
  async give(db: EntityManager, userId: string, permission: Permission): Promise<PermissionsDto> {
    await insertOrIgnore(db, AccountPermission, { userId, permission });
    return permissionsOf(db, userId);
  }

  /** The same. */
  async take(db: EntityManager, userId: string, permission: Permission): Promise<PermissionsDto> {
    await db.delete(AccountPermission, { userId, permission });
    await this.revocation.revokeWhatIsNoLongerGranted(db, userId);
    return permissionsOf(db, userId);
  }
}

export async function permissionsOf(db: EntityManager, userId: string): Promise<PermissionsDto> {
  const held = new Set((await db.findBy(AccountPermission, { userId })).map(({ permission }) => permission));
  return { permissions: PERMISSIONS.filter((permission) => held.has(permission)) };
}
