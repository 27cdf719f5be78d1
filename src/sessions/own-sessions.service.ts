import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { Repository } from 'typeorm';
import { addSeconds, Clock } from '../common/clock.js';
import { LONGEST_SESSION_SECONDS, Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import type { Statement } from '../database/statement.js';
import { onlyLive } from './live-session.js';
import { Session } from './session.entity.js';
import type { LiveSession } from './sessions.service.js';

/** Sessions that a page shows; nobody has so many browsers. */
const MAX_SHOWN = 50;

const END: Statement = {
  name: 'end_own_session',
  sql: `UPDATE "sessions" SET "ended_at" = $3, "end_reason" = 'BY_USER' WHERE "id" = $1 AND "user_id" = $2 AND "ended_at" IS NULL
          AND "expires_at" > $3 AND "last_seen_at" > $4
          AND EXISTS (SELECT 1 FROM "login_tokens" t JOIN "users" c ON c."id" = t."caller_id"
                      WHERE t."id" = "sessions"."login_token_id" AND c."staff_organization_id" = $5)`,
};

/** A user's own sessions that were started by one organization, for their user (API.md, sections 3 and 8). */
@Injectable()
export class OwnSessionsService {
  constructor(
    @InjectRepository(Session) private readonly sessions: Repository<Session>,
    private readonly database: Database,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /** The live sessions that the same organization started for the visitor, the latest first, with who let them in. */
  list({ userId, organizationId }: LiveSession): Promise<Session[]> {
    const now = this.clock.now();
    const own = this.sessions.createQueryBuilder('s').where('s.userId = :userId AND s.createdAt > :since', {
      userId,
      since: addSeconds(now, -LONGEST_SESSION_SECONDS),
    });
    return onlyLive(own, { now, idleSince: this.settings.idleSince(now) })
      .addSelect(['t.id', 't.clientId'])
      .innerJoin('t.caller', 'c', 'c.staffOrganizationId = :organizationId', { organizationId })
      .addSelect(['c.id', 'c.name'])
      .leftJoin('c.staffOrganization', 'o')
      .addSelect(['o.id', 'o.name'])
      .orderBy('s.createdAt', 'DESC')
      .addOrderBy('s.id', 'DESC')
      .limit(MAX_SHOWN)
      .getMany();
  }

  /** Ends such a session of the visitor; any other, or one that has ended, stays as it is. */
  async end({ userId, organizationId }: LiveSession, id: string): Promise<void> {
    const now = this.clock.now();
    await this.database.write(END, [id, userId, now, this.settings.idleSince(now), organizationId]);
  }
}
