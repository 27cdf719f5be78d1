import { toIso } from '../common/clock.js';
import type { AuditEvent } from '../schema/entities/audit-event.entity.js';
import type { AuditDetails } from '../schema/entities/audit-events.js';
import type { AuditEventDto } from './dto/audit-event.dto.js';
import { RANK } from './position.js';
import type { Position } from './position.js';

/** The events that the rows of logins are. */
export const LOGIN_EVENTS = ['ACCESS_ISSUED', 'SESSION_STARTED'] as const;

/** An event that the row of a login token or of a session is. */
export interface LoginEvent extends Position {
  event: (typeof LOGIN_EVENTS)[number];
  userId: string;
  actorId: string;
  clientId: string;
  groupId: string;
}

/** An event of the record, with its place. */
export interface RecordedEvent extends Position {
  event: AuditEventDto;
}

/** The event of a login as every interface shows it. */
export function describeLogin({ event, at, rank, id, ...login }: LoginEvent): RecordedEvent {
  const isSession = event === 'SESSION_STARTED';
  return {
    at,
    rank,
    id,
    event: {
      id: `${id}${isSession ? '-started' : ''}`,
      at: toIso(at),
      event,
      user: login.userId,
      actor: login.actorId,
      client: login.clientId,
      group: login.groupId,
      token: id,
      session: isSession ? id : undefined,
    },
  };
}

/** An event that has a row of its own as every interface shows it. */
export function describeEvent(row: Omit<AuditEvent, 'organizationId'>): RecordedEvent {
  const session = row.sessionId ?? (row.event === 'SESSION_ENDED' ? row.tokenId : null);
  const id = String(row.id);
  return {
    at: row.at,
    rank: RANK.OTHER,
    id,
    event: {
      id,
      at: toIso(row.at),
      event: row.event,
      user: row.userId ?? undefined,
      actor: row.actorId ?? undefined,
      client: row.clientId ?? undefined,
      group: row.groupId ?? undefined,
      token: row.tokenId ?? undefined,
      session: session ?? undefined,
      rule: row.rule ?? undefined,
      details: row.details === null ? undefined : (JSON.parse(row.details) as AuditDetails),
      request: row.requestId ?? undefined,
    },
  };
}
