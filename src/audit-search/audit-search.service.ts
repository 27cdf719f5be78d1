import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { In } from 'typeorm';
import type { Repository } from 'typeorm';
import type { Caller } from '../common/caller.js';
import { toIso } from '../common/clock.js';
import { pageByTime } from '../http/paging.js';
import { UsersPolicy } from '../users/users.policy.js';
import { AuditEvent } from '../schema/entities/audit-event.entity.js';
import type { AuditDetails } from '../schema/entities/audit-events.js';
import type { AuditDto, AuditEventDto, AuditQueryDto } from './dto/audit.dto.js';

/** Filters. Each column, after the organization, begins an index whose rows are ordered by time. */
const FILTERS = { user: 'userId', actor: 'actorId', client: 'clientId', event: 'event' } as const;

/** Searches the audit log (docs/api.md, section 11.3). */
@Injectable()
export class AuditSearchService {
  constructor(
    @InjectRepository(AuditEvent) private readonly events: Repository<AuditEvent>,
    private readonly policy: UsersPolicy,
  ) {}

  /** Lists the events that match. @throws DomainError `not_permitted` */
  async search(caller: Caller, query: AuditQueryDto): Promise<AuditDto> {
    const organizationId = await this.policy.requireMayViewAuditLog(caller);
    const list = this.events.createQueryBuilder('e').where('e.organizationId = :organizationId', { organizationId });
    for (const [name, property] of Object.entries(FILTERS)) {
      const value = query[name as keyof typeof FILTERS];
      if (value !== undefined) list.andWhere(`e.${property} = :${name}`, { [name]: value });
    }
    if (query.from !== undefined) list.andWhere('e.at >= :from', { from: new Date(query.from) });
    if (query.to !== undefined) list.andWhere('e.at < :to', { to: new Date(query.to) });
    const { ids, pagination } = await pageByTime(list, { at: 'e.at', id: 'e.id', isNumber: true }, query);
    const found = await this.events.find({ where: { id: In(ids.map(Number)) }, order: { at: 'DESC', id: 'DESC' } });
    return { events: found.map(toEventDto), pagination };
  }
}

function toEventDto(row: AuditEvent): AuditEventDto {
  return {
    id: String(row.id),
    at: toIso(row.at),
    event: row.event,
    user: row.userId ?? undefined,
    actor: row.actorId ?? undefined,
    client: row.clientId ?? undefined,
    group: row.groupId ?? undefined,
    token: row.tokenId ?? undefined,
    session: row.sessionId ?? undefined,
    rule: row.rule ?? undefined,
    details: row.details === null ? undefined : (JSON.parse(row.details) as AuditDetails),
  };
}
