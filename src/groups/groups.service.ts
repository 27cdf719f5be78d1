import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { Repository } from 'typeorm';
import type { Caller } from '../auth/caller.js';
import { toIso } from '../common/clock.js';
import { DomainError } from '../common/errors/errors.js';
import type { GroupDto } from './dto/group.dto.js';
import { Group } from './group.entity.js';
import { GroupsPolicy } from './groups.policy.js';
import { Membership } from './membership.entity.js';

@Injectable()
export class GroupsService {
  constructor(
    @InjectRepository(Group) private readonly groups: Repository<Group>,
    @InjectRepository(Membership) private readonly memberships: Repository<Membership>,
    private readonly policy: GroupsPolicy,
  ) {}

  /** @throws DomainError `not_found`, `no_permission` */
  async get(caller: Caller, id: string): Promise<GroupDto> {
    const group = await this.groups.findOne({ where: { id }, relations: { organization: true } });
    if (!group) throw new DomainError('not_found', 'There is no group with this id.');
    await this.policy.requireMayView(caller, group);
    return this.describe(group);
  }

  private async describe(group: Group): Promise<GroupDto> {
    const members = await this.memberships.countBy({ groupId: group.id, status: 'JOINED' });
    return {
      id: group.id,
      name: group.name,
      description: group.description,
      customReference: group.customReference ?? undefined,
      counts: { members, drillables: 0, tests: 0 },
      created: toIso(group.createdAt),
      lastEdited: toIso(group.lastEditedAt),
      organization: { type: 'ORGANIZATION', id: group.organization.id, name: group.organization.name },
    };
  }
}
