import { Injectable } from '@nestjs/common';
import type { EndedRow } from '../../rights/ended-sessions.js';
import { endSessions, isLive, momentAt, SESSIONS } from '../../rights/live-session.js';
import { LOGINS } from '../../rights/grants.js';
import { Clock } from '../../common/clock.js';
import { isLoginId, readLoginId, toBytes } from '../../common/login-id.js';
import { currentRequestId } from '../../common/request-id.js';
import { Settings } from '../../config/settings.js';
import { Database, fromMilliseconds } from '../../database/database.js';
import type { Statement } from '../../database/statement.js';
import { countEnded } from '../../telemetry/metrics.js';
import type { LiveSession } from './session.js';

/** How many sessions a page lists. Nobody has so many browsers. */
const MAX_SHOWN = 50;

const LIST: Statement = {
  name: 'list_own_sessions',
  sql: `SELECT s."id", s."created_at" AS "createdAt", s."last_seen_at" AS "lastSeenAt", s."device", c."name" AS "actorName", o."name" AS "organizationName"
        FROM ${SESSIONS} JOIN "users" c ON c."id" = d."caller_id" AND c."staff_organization_id" = $5
        JOIN "organizations" o ON o."id" = c."staff_organization_id"
        WHERE t."user_id" = $1 AND t."id" > $4 AND ${isLive({ now: '$2', idleSince: '$3', oldest: '$4' })}
        ORDER BY t."id" DESC LIMIT ${MAX_SHOWN}`,
};

const END: Statement = {
  name: 'end_own_session',
  sql: `${endSessions(
    `"id" = $1 AND EXISTS (SELECT 1 FROM ${LOGINS} JOIN "users" c ON c."id" = d."caller_id"
       WHERE t."id" = "sessions"."id" AND t."user_id" = $2 AND c."staff_organization_id" = $6)`,
    { now: '$3', idleSince: '$4', oldest: '$5', reason: `'BY_USER'`, request: '$7' },
  )} RETURNING "end_reason" AS "reason"`,
};

/** A live session of the visitor, with who let them in. */
export interface OwnSession {
  id: string;
  createdAt: Date;
  lastSeenAt: Date;
  device: string | null;
  actorName: string;
  organizationName: string;
}

interface OwnSessionRow extends Pick<OwnSession, 'device' | 'actorName' | 'organizationName'> {
  id: Buffer | string;
  createdAt: number | string;
  lastSeenAt: number | string;
}

/**
 * The sessions of a user that one organization has started, for the user's own page (docs/api.md, sections 5.6 and
 * 5.8).
 */
@Injectable()
export class OwnSessionsService {
  constructor(
    private readonly database: Database,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /** The visitor's live sessions that the same organization has started, latest first, with who let them in. */
  async list({ userId, organizationId }: LiveSession): Promise<OwnSession[]> {
    const { now, idleSince, oldest } = momentAt(this.clock.now(), this.settings);
    const rows = await this.database.read<OwnSessionRow>(LIST, [userId, now, idleSince, oldest, organizationId]);
    return rows.map(({ id, createdAt, lastSeenAt, device, actorName, organizationName }) => ({
      id: readLoginId(id),
      createdAt: fromMilliseconds(createdAt),
      lastSeenAt: fromMilliseconds(lastSeenAt),
      device,
      actorName,
      organizationName,
    }));
  }

  /**
   * Ends such a session of the visitor. Other sessions are left alone. A session that was over already is not recorded
   * as ended.
   */
  async end({ userId, organizationId }: LiveSession, id: string): Promise<void> {
    if (!isLoginId(id)) return;
    const { now, idleSince, oldest } = momentAt(this.clock.now(), this.settings);
    const parameters = [toBytes(id), userId, now, idleSince, oldest, organizationId, currentRequestId()];
    countEnded(await this.database.write<EndedRow>(END, parameters));
  }
}
