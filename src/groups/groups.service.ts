import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { In } from 'typeorm';
import type { EntityManager, Repository } from 'typeorm';
import { RevocationService } from '../rights/revocation.service.js';
import { AuditService } from '../audit/audit.service.js';
import type { Caller } from '../common/caller.js';
import { Clock, toIso } from '../common/clock.js';
import { DomainError } from '../common/errors/errors.js';
import type { ErrorId } from '../common/errors/errors.js';
import { newId } from '../common/id.js';
import { Database } from '../database/database.js';
import type { GroupChangesDto, NewGroupDto } from './dto/group-fields.dto.js';
import type { GroupDto } from './dto/group.dto.js';
import { indexGroup } from './group-search.js';
import { GroupStaff } from '../schema/entities/group-staff.entity.js';
import { Group } from '../schema/entities/group.entity.js';
import { GroupsPolicy } from './groups.policy.js';
import { User } from '../schema/entities/user.entity.js';

@Injectable()
export class GroupsService {
  constructor(
    @InjectRepository(Group) private readonly groups: Repository<Group>,
    private readonly database: Database,
    private readonly policy: GroupsPolicy,
    private readonly revocation: RevocationService,
    private readonly audit: AuditService,
    private readonly clock: Clock,
  ) {}

  /** Finds a group. @throws DomainError `not_found`, `no_permission` */
  async get(caller: Caller, id: string): Promise<GroupDto> {
    const group = await requireGroup(this.groups.manager, caller, id, 'not_found');
    await this.policy.requireMayView(caller, group);
    return this.show(id);
  }

  /** Creates a group. Its creator gets `MANAGE`. @throws DomainError `no_permission` */
  async create(caller: Caller, fields: NewGroupDto): Promise<GroupDto> {
    const id = await this.database.transaction(async (db) =>
      this.insert(db, await this.policy.requireMayCreate(db, caller), fields, caller),
    );
    return this.show(id);
  }

  /** Creates a group. The caller of this method has checked that `by` may do so. */
  async insert(db: EntityManager, organizationId: string, fields: NewGroupDto, by: Caller | null): Promise<string> {
    const id = newId();
    const now = this.clock.now();
    await db.insert(Group, {
      id,
      organizationId,
      name: fields.name,
      description: fields.description,
      customReference: fields.customReference ?? null,
      createdAt: now,
      lastEditedAt: now,
    });
    await indexGroup(db, id);
    if (by) await db.insert(GroupStaff, { userId: by.userId, groupId: id, permission: 'MANAGE' });
    await this.audit.record(db, { event: 'GROUP_CREATED', organizationId, groupId: id, by });
    return id;
  }

  /** Changes a group. @throws DomainError `not_found`, `no_permission` */
  async change(caller: Caller, id: string, changes: GroupChangesDto): Promise<GroupDto> {
    await this.database.transaction(async (db) => {
      const group = await requireGroup(db, caller, id, 'not_found');
      await this.policy.requireMayManage(db, caller, group);
      const { name, description, customReference } = changes;
      await db.update(
        Group,
        { id },
        {
          ...(name !== undefined && { name }),
          ...(description !== undefined && { description }),
          ...(customReference !== undefined && { customReference }),
          lastEditedAt: this.clock.now(),
        },
      );
      await indexGroup(db, id);
      const fields = Object.entries(changes).flatMap(([field, value]) => (value === undefined ? [] : field));
      const { organizationId } = group;
      await this.audit.record(db, {
        event: 'GROUP_CHANGED',
        organizationId,
        groupId: id,
        by: caller,
        details: { fields },
      });
    });
    return this.show(id);
  }

  /**
   * Deletes a group with its login tokens and the sessions that they started. @throws DomainError `not_found`,
   * `no_permission`
   */
  async remove(caller: Caller, id: string): Promise<void> {
    await this.database.transaction(async (db) => {
      const group = await requireGroup(db, caller, id, 'not_found');
      await this.policy.requireMayManage(db, caller, group);
      await this.delete(db, group, caller);
    });
  }

  /** Deletes a group. The caller of this method has checked that `by` may do so. */
  async delete(db: EntityManager, { id, organizationId }: Group, by: Caller | null): Promise<void> {
    await this.revocation.revokeAllOf(db, 'group', id, by);
    await db.delete(Group, { id });
    await this.audit.record(db, { event: 'GROUP_DELETED', organizationId, groupId: id, by });
  }

  /** The groups as the API shows them, ordered by ID. Groups that have been deleted meanwhile are left out. */
  async showAll(ids: string[]): Promise<GroupDto[]> {
    const found = await this.groups.find({ where: { id: In(ids) }, relations: { organization: true } });
    const groups = new Map(found.map((group) => [group.id, toGroupDto(group)]));
    return ids.flatMap((id) => groups.get(id) ?? []);
  }

  private async show(id: string): Promise<GroupDto> {
    return (await this.showAll([id]))[0]!;
  }
}

function toGroupDto(group: Group): GroupDto {
  return {
    id: group.id,
    name: group.name,
    description: group.description,
    customReference: group.customReference ?? undefined,
    counts: { members: group.memberCount, drillables: 0, tests: 0 },
    created: toIso(group.createdAt),
    lastEdited: toIso(group.lastEditedAt),
    organization: { type: 'ORGANIZATION', id: group.organization.id, name: group.organization.name },
  };
}

/**
 * Finds a group of the organization on whose staff the caller is. A group of another organization is refused like one
 * that does not exist, and at the same cost.
 *
 * @throws DomainError `otherwise`
 */
export async function requireGroup(db: EntityManager, caller: Caller, id: string, otherwise: ErrorId): Promise<Group> {
  const group = await db.findOneBy(Group, { id });
  const staff = await db.findOneBy(User, { id: caller.userId });
  if (!group || group.organizationId !== staff?.staffOrganizationId)
    throw new DomainError(otherwise, 'There is no group with this ID.');
  return group;
}
