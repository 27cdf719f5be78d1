import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { Repository } from 'typeorm';
import type { Caller } from '../auth/caller.js';
import { DomainError } from '../common/errors/errors.js';
import { UsersPolicy } from '../users/users.policy.js';
import { GroupStaff } from './group-staff.entity.js';
import type { Group } from './group.entity.js';

/** Who may do what with a group (API.md, section 6). */
@Injectable()
export class GroupsPolicy {
  constructor(
    @InjectRepository(GroupStaff) private readonly staff: Repository<GroupStaff>,
    private readonly users: UsersPolicy,
  ) {}

  /** `VIEW`: staff of the group's organization with any permission on it, or the groups administrator. */
  async requireMayView(caller: Caller, group: Group): Promise<void> {
    const ownOrganization = (await this.users.staffOrganizationOf(caller)) === group.organizationId;
    if (!ownOrganization || !(await this.hasAnyPermission(caller, group))) throw new DomainError('no_permission');
  }

  private async hasAnyPermission({ userId }: Caller, group: Group): Promise<boolean> {
    return (
      (await this.staff.existsBy({ userId, groupId: group.id })) ||
      (await this.users.hasPermission(userId, 'MANAGE_ALL_GROUPS'))
    );
  }
}
