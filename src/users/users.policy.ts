import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { Repository } from 'typeorm';
import type { Caller } from '../auth/caller.js';
import { DomainError } from '../common/errors/errors.js';
import { AccountPermission } from './account-permission.entity.js';
import type { Permission } from './account-permission.entity.js';
import { User } from './user.entity.js';

/** Who may see which account (API.md, section 5). */
@Injectable()
export class UsersPolicy {
  constructor(
    @InjectRepository(User) private readonly users: Repository<User>,
    @InjectRepository(AccountPermission) private readonly permissions: Repository<AccountPermission>,
  ) {}

  /**
   * One's own account, or one that the organization manages on whose staff the caller is. Who is on nobody's staff
   * gets the same refusal for `null`, nobody, and so learns nothing about who exists.
   */
  async requireMaySee(caller: Caller, user: User | null): Promise<void> {
    if (caller.userId === user?.id) return;
    const organizationId = await this.staffOrganizationOf(caller);
    const isForeign = user !== null && user.organizationId !== organizationId;
    if (organizationId === null || isForeign) throw new DomainError('no_access');
  }

  /** The organization on whose staff the caller is; `null` for nobody's staff and for a blocked account. */
  async staffOrganizationOf({ userId }: Caller): Promise<string | null> {
    const caller = await this.users.findOneBy({ id: userId, status: 'ACTIVE' });
    return caller?.staffOrganizationId ?? null;
  }

  hasPermission(userId: string, permission: Permission): Promise<boolean> {
    return this.permissions.existsBy({ userId, permission });
  }
}
