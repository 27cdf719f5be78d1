import { Injectable } from '@nestjs/common';
import { addSeconds, Clock, CLOCK_SKEW } from '../common/clock.js';
import { firstLoginAt, toBytes } from '../common/login-id.js';
import { LONGEST_LOGIN_TOKEN_SECONDS } from '../config/settings.js';
import { Database, toInstant } from '../database/database.js';
import type { AuditEvent } from '../schema/entities/audit-event.entity.js';
import { FOLLOW_ISSUED, FOLLOW_OTHERS, FOLLOW_STARTED, FOLLOW_STARTED_OF_LOGINS } from './feed-statements.js';
import { toIssued, toStarted } from './login-rows.js';
import type { LoginRow } from './login-rows.js';
import { oldestFirst, RANK, startOf } from './position.js';
import type { Position } from './position.js';
import { describeEvent, describeLogin } from './recorded-events.js';
import type { LoginEvent, RecordedEvent } from './recorded-events.js';

/**
 * Seconds between the instant of an event and the start of its transaction, at most. A request gives up after
 * `ANSWER_MS`, and a write on SQLite after `WAIT_MS`; the rest is for clocks that differ.
 */
const LATEST_START_SECONDS = 6;
/** Sessions of all organizations that started within so many seconds are few enough to look through. */
const RECENT_SECONDS = 60;

type EventRow = Omit<AuditEvent, 'at' | 'organizationId'> & { at: Date | string };

/** Which events to read. */
interface Range {
  organizationId: string;
  after: Position;
  /** The first instant of which nothing is read. */
  before: Date;
  /** How many events are read at most. */
  limit: number;
}

/** Reads the audit log in the order of time, for readers that follow it (docs/decisions/0028-the-outbox-is-a-cursor.md). */
@Injectable()
export class RecordFeedService {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /**
   * The instant before which the record is complete: no event with an earlier one will be committed. A reader that asks
   * first and then reads up to this instant misses nothing. It is usually 6 s ago, and longer ago while a transaction
   * that has written runs.
   */
  async settledUntil(): Promise<Date> {
    const now = this.clock.now();
    const runs = await this.database.oldestTransactionSeconds();
    return addSeconds(now, -LATEST_START_SECONDS - runs);
  }

  /** The events of an organization after a position, the oldest first. There are fewer than `limit` only at the end. */
  async read({ organizationId, after, before, limit }: Range): Promise<RecordedEvent[]> {
    const issued = await this.readIssued({ organizationId, after, before, limit });
    // What comes after so many events is of no use.
    const last = issued.length === limit ? issued.at(-1) : undefined;
    const range = { organizationId, after, before: last ? endOf(last.at) : before, limit };
    const started = await this.readStarted(range, issued);
    const others = await this.readOthers(range);
    return [...issued.map(describeLogin), ...started.map(describeLogin), ...others]
      .toSorted(oldestFirst)
      .slice(0, limit);
  }

  private async readIssued({ organizationId, after, before, limit }: Range): Promise<LoginEvent[]> {
    const from = after.rank === RANK.ISSUED ? toBytes(after.id) : firstLoginAt(endOf(after.at));
    const rows = await this.database.read<LoginRow>(FOLLOW_ISSUED, [organizationId, from, firstLoginAt(before), limit]);
    return rows.map(toIssued);
  }

  /**
   * Sessions in the order in which they started, which is not that of their logins. Those of the first minute are found
   * by that instant. If they and the tokens of this minute are fewer than `limit`, the organization has few logins in an
   * hour, and the later sessions are found through these.
   */
  private async readStarted(range: Range, issued: LoginEvent[]): Promise<LoginEvent[]> {
    const { after, before, limit } = range;
    const end = addSeconds(after.at, RECENT_SECONDS);
    const recent = await this.readRecentlyStarted({ ...range, before: end < before ? end : before });
    const soon = recent.length + issued.filter(({ at }) => at < end).length;
    if (end >= before || soon >= limit) return recent;
    return [...recent, ...(await this.readStartedOfLogins({ ...range, after: startOf(end) }))];
  }

  private async readRecentlyStarted({ organizationId, after, before, limit }: Range): Promise<LoginEvent[]> {
    const [at, id] =
      after.rank === RANK.OTHER
        ? [endOf(after.at), FIRST]
        : [after.at, after.rank === RANK.STARTED ? toBytes(after.id) : FIRST];
    const rows = await this.database.read<LoginRow>(FOLLOW_STARTED, [
      organizationId,
      at.getTime(),
      id,
      before.getTime(),
      limit,
    ]);
    return rows.map(toStarted);
  }

  /** A session starts at most an hour after its token was issued; by the clock of another instance, even before that. */
  private async readStartedOfLogins({ organizationId, after, before, limit }: Range): Promise<LoginEvent[]> {
    const from = endOf(after.at);
    const rows = await this.database.read<LoginRow>(FOLLOW_STARTED_OF_LOGINS, [
      organizationId,
      firstLoginAt(addSeconds(from, -LONGEST_LOGIN_TOKEN_SECONDS - CLOCK_SKEW)),
      firstLoginAt(addSeconds(before, CLOCK_SKEW)),
      from.getTime(),
      before.getTime(),
      limit,
    ]);
    return rows.map(toStarted);
  }

  private async readOthers({ organizationId, after, before, limit }: Range): Promise<RecordedEvent[]> {
    const id = after.rank === RANK.OTHER ? Number(after.id) : 0;
    const rows = await this.database.read<EventRow>(FOLLOW_OTHERS, [organizationId, after.at, id, before, limit]);
    return rows.map((row) => describeEvent({ ...row, at: toInstant(row.at) }));
  }
}

/** Less than the ID of every login. */
const FIRST = Buffer.alloc(16);

/** The next instant: they have milliseconds. */
function endOf(instant: Date): Date {
  return new Date(instant.getTime() + 1);
}
