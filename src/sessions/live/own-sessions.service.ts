import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { Repository } from 'typeorm';
import { endSessions, isLive } from '../../rights/live-session.js';
import { addSeconds, Clock } from '../../common/clock.js';
import { LONGEST_SESSION_SECONDS, Settings } from '../../config/settings.js';
import { Database } from '../../database/database.js';
import type { Statement } from '../../database/statement.js';
import { Session } from '../../schema/entities/session.entity.js';
import type { LiveSession } from './session.js';

/** How many sessions a page lists. Nobody has so many browsers. */
const MAX_SHOWN = 50;

const END: Statement = {
  name: 'end_own_session',
  sql: endSessions(
    `"id" = $1 AND "user_id" = $2
          AND EXISTS (SELECT 1 FROM "login_tokens" t JOIN "users" c ON c."id" = t."caller_id"
                      WHERE t."id" = "sessions"."login_token_id" AND c."staff_organization_id" = $5)`,
    { now: '$3', idleSince: '$4', reason: `'BY_USER'` },
  ),
};

/**
 * The sessions of a user that one organization has started, for the user's own page (docs/api.md, sections 5.6 and
 * 5.8).
 */
@Injectable()
export class OwnSessionsService {
  constructor(
    @InjectRepository(Session) private readonly sessions: Repository<Session>,
    private readonly database: Database,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /** The visitor's live sessions that the same organization has started, latest first, with who let them in. */
  list({ userId, organizationId }: LiveSession): Promise<Session[]> {
    const now = this.clock.now();
    const own = this.sessions.createQueryBuilder('s').where('s.userId = :userId AND s.createdAt > :since', {
      userId,
      since: addSeconds(now, -LONGEST_SESSION_SECONDS),
    });
    return own
      .innerJoin('s.loginToken', 't')
      .andWhere(isLive('s', 't', { now: ':now', idleSince: ':idleSince' }))
      .setParameters({ now, idleSince: this.settings.idleSince(now) })
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

  /**
   * Ends such a session of the visitor. Other sessions are left alone. A session that was over already is not recorded
   * as ended.
   */
  async end({ userId, organizationId }: LiveSession, id: string): Promise<void> {
    const now = this.clock.now();
    await this.database.write(END, [id, userId, now, this.settings.idleSince(now), organizationId]);
  }
}
