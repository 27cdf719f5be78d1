import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { In } from 'typeorm';
import type { Repository } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import type { Caller } from '../common/caller.js';
import { Clock, toIso } from '../common/clock.js';
import { showPeriod } from '../rights/period.js';
import { DomainError } from '../common/errors/errors.js';
import { countUpTo, MAX_COUNTED, pageById } from '../http/paging.js';
import type { PageQueryDto } from '../http/paging.js';
import { Database } from '../database/database.js';
import { Group } from '../schema/entities/group.entity.js';
import { Membership } from '../schema/entities/membership.entity.js';
import type { InvitationAnswerDto, InvitationDto, InvitationsDto } from './dto/member.dto.js';

/** What people see and do about their own invitations to groups (docs/api.md, section 7.2). */
@Injectable()
export class InvitationsService {
  constructor(
    @InjectRepository(Membership) private readonly memberships: Repository<Membership>,
    private readonly database: Database,
    private readonly audit: AuditService,
    private readonly clock: Clock,
  ) {}

  /** Lists the caller's invitations. */
  async list({ userId }: Caller, query: PageQueryDto): Promise<InvitationsDto> {
    const all = this.memberships.createQueryBuilder('m').where({ userId, status: 'INVITED' });
    const total = await countUpTo(MAX_COUNTED, all.clone().select('m.groupId', 'id'));
    const { ids, pagination } = await pageById(all, 'm.groupId', query, total);
    const found = await this.memberships.find({
      where: { userId, groupId: In(ids), status: 'INVITED' },
      relations: { group: { organization: true } },
      order: { groupId: 'ASC' },
    });
    return { invitations: found.map(describe), pagination };
  }

  /** Accepts or declines an invitation to the caller. @throws DomainError `not_found` */
  async answer(caller: Caller, groupId: string, { action }: InvitationAnswerDto): Promise<void> {
    await this.database.transaction(async (db) => {
      const invitation = { userId: caller.userId, groupId, status: 'INVITED' } as const;
      const invited = await db.existsBy(Membership, { ...invitation, user: { status: 'ACTIVE' } });
      if (!invited) throw new DomainError('not_found', 'The caller is not invited to this group.');
      if (action === 'ACCEPT')
        await db.update(Membership, invitation, { status: 'JOINED', joinedAt: this.clock.now() });
      else await db.delete(Membership, invitation);
      const { organizationId } = await db.findOneByOrFail(Group, { id: groupId });
      const event = action === 'ACCEPT' ? 'INVITATION_ACCEPTED' : 'INVITATION_DECLINED';
      await this.audit.record(db, { event, organizationId, userId: caller.userId, groupId, by: caller });
    });
  }
}

function describe({ group, invitedAt, ...period }: Membership): InvitationDto {
  const { id, name, description, organization } = group;
  return {
    id,
    name,
    description,
    organization: { type: 'ORGANIZATION', id: organization.id, name: organization.name },
    invited: invitedAt ? toIso(invitedAt) : undefined,
    ...showPeriod(period),
  };
}
