import { setTimeout } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { Caller } from '../common/caller.js';
import { addSeconds, Clock, SECONDS_PER_DAY } from '../common/clock.js';
import { pauseDeadline } from '../common/deadline.js';
import { DomainError } from '../common/errors/errors.js';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { justBefore, oldestFirst, startOf } from '../record-feed/position.js';
import { RecordFeedService } from '../record-feed/record-feed.service.js';
import { UsersPolicy } from '../users/users.policy.js';
import type { AuditStreamQueryDto } from './dto/audit-stream.dto.js';
import { readCursor, writeLines } from './stream-cursor.js';

/** Milliseconds between two looks for new events. */
const LOOK_MS = 1_000;

/** The audit log for a program that follows it (docs/api.md, section 11.3). */
@Injectable()
export class AuditStreamService {
  constructor(
    private readonly feed: RecordFeedService,
    private readonly database: Database,
    private readonly policy: UsersPolicy,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /**
   * The next rows as the text of a file, or nothing if there are none within the time that the query waits. It ends
   * early if the client is gone or the service stops. @throws DomainError `not_permitted`, `invalid_request`,
   * `cursor_expired`
   */
  async next(caller: Caller, query: AuditStreamQueryDto, isGone: () => boolean): Promise<string> {
    const until = performance.now() + query.wait * 1000;
    for (;;) {
      // Each time, so that whoever loses the permission learns nothing more.
      const organizationId = await this.policy.requireMayViewAuditLog(caller);
      const text = await this.read(organizationId, query);
      const isOver = performance.now() + LOOK_MS > until || isGone() || this.database.isStopping;
      if (text !== '' || isOver) return text;
      await pauseDeadline(setTimeout(LOOK_MS));
    }
  }

  private async read(organizationId: string, { after, from, size }: AuditStreamQueryDto): Promise<string> {
    const before = await this.feed.settledUntil();
    const oldest = addSeconds(this.clock.now(), -this.settings.RETENTION_DAYS * SECONDS_PER_DAY);
    if (after === undefined) {
      const start = from === undefined ? oldest : new Date(from);
      const position = startOf(start < oldest ? oldest : start);
      return writeLines(await this.feed.read({ organizationId, after: position, before, limit: size }));
    }
    const cursor = readCursor(after);
    const { position } = cursor;
    if (position.at < oldest) throw new DomainError('cursor_expired');
    // The row of the cursor counts also for an instance whose clock is behind.
    const end = position.at < before ? before : addSeconds(position.at, 0.001);
    const range = { organizationId, after: justBefore(position), before: end, limit: size + 1 };
    const [last, ...events] = await this.feed.read(range);
    if (!last || oldestFirst(last, position) !== 0) throw new DomainError('cursor_expired');
    return writeLines(
      events.filter(({ at }) => at < before),
      cursor,
    );
  }
}
