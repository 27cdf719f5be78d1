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
          AND "expires_at" > $3 AND "last_seen_at" > $4`,
};

/** A user's own sessions, for their user (API.md, section 3). */
@Injectable()
export class OwnSessionsService {
  constructor(
    @InjectRepository(Session) private readonly sessions: Repository<Session>,
    private readonly database: Database,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /** The live sessions of the visitor, the latest first, with who let them in. */
  list({ userId }: LiveSession): Promise<Session[]> {
    const now = this.clock.now();
    const own = this.sessions.createQueryBuilder('s').where('s.userId = :userId AND s.createdAt > :since', {
      userId,
      since: addSeconds(now, -LONGEST_SESSION_SECONDS),
    });
    return onlyLive(own, { now, idleSince: this.settings.idleSince(now) })
      .addSelect(['t.id', 't.clientId'])
      .innerJoin('t.caller', 'c')
      .addSelect(['c.id', 'c.name'])
      .leftJoin('c.staffOrganization', 'o')
      .addSelect(['o.id', 'o.name'])
      .orderBy('s.createdAt', 'DESC')
      .addOrderBy('s.id', 'DESC')
      .limit(MAX_SHOWN)
      .getMany();
  }

  /** Ends a session of the visitor; one of others, or one that has ended, stays as it is. */
  async end({ userId }: LiveSession, id: string): Promise<void> {
    const now = this.clock.now();
    await this.database.write(END, [id, userId, now, this.settings.idleSince(now)]);
  }
}
