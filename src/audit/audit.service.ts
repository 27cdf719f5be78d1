import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Caller } from '../common/caller.js';
import { addSeconds, Clock, SECONDS_PER_DAY } from '../common/clock.js';
import { currentRequestId } from '../common/request-id.js';
import { Settings } from '../config/settings.js';
import { Database, toInstant } from '../database/database.js';
import { prune, PRUNE_STEP } from '../database/prune.js';
import type { Parameter, Statement } from '../database/statement.js';
import type { AuditDetails, AuditEventName } from '../schema/entities/audit-events.js';

/** An event to record. */
export interface AuditEntry {
  event: AuditEventName;
  /** The organization whose administrators see the event. */
  organizationId: string | null;
  /** The user whom the event is about. */
  userId?: string | null;
  /** Who did it, and through which client; `null` for an operator on the command line. */
  by: Partial<Pick<Caller, 'userId' | 'clientId'>> | null;
  groupId?: string | null;
  tokenId?: string | null;
  rule?: number;
  details?: AuditDetails;
}

/** How many refusals of one event an organization's log takes in a minute, so that repeated refusals can't fill it. */
export const REFUSALS_PER_MINUTE = 600;
const MINUTE_SECONDS = 60;

const COLUMNS = `"at", "event", "organization_id", "user_id", "actor_id", "client_id", "group_id", "token_id", "rule", "details", "request_id"`;

const RECORD: Statement = {
  name: 'record_audit_event',
  sql: `INSERT INTO "audit_events" (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
};

/** Counts the previous refusals in a range of an index, up to the limit. */
const RECORD_REFUSAL: Statement = {
  name: 'record_refusal',
  sql: `INSERT INTO "audit_events" (${COLUMNS})
        SELECT $1, CAST($2 AS varchar), CAST($3 AS varchar), $4, $5, $6, $7, $8, CAST($9 AS integer), $10, CAST($11 AS varchar)
        WHERE (SELECT COUNT(*) FROM (SELECT 1 FROM "audit_events" e
               WHERE e."organization_id" = CAST($3 AS varchar) AND e."event" = CAST($2 AS varchar) AND e."at" > $12
               LIMIT ${REFUSALS_PER_MINUTE}) earlier) < ${REFUSALS_PER_MINUTE}`,
};

/** The oldest rows have the smallest IDs. */
const PRUNE: Statement = {
  name: 'prune_audit_events',
  sql: `DELETE FROM "audit_events" WHERE "at" < $1 AND "id" IN (SELECT e."id" FROM "audit_events" e ORDER BY e."id" LIMIT ${PRUNE_STEP})
        RETURNING "id"`,
};

const OLDEST: Statement = {
  name: 'find_oldest_audit_event',
  sql: `SELECT e."at" FROM "audit_events" e ORDER BY e."id" LIMIT 1`,
};

/**
 * The audit log: who let whom in, and the changes that decide about it. Rows are only ever added, until they expire.
 * The rows of login tokens and sessions are the events that they were issued and started; triggers record that they were
 * revoked and ended (`docs/triggers.md`).
 */
@Injectable()
export class AuditService {
  constructor(
    private readonly database: Database,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /** Records an event in the transaction of the change, so that both are committed or neither. */
  async record(db: EntityManager, entry: AuditEntry): Promise<void> {
    await this.database.within(db, RECORD, this.parametersOf(entry));
  }

  /** Records an event in a transaction of its own, for a change that was made elsewhere. */
  async write(entry: AuditEntry): Promise<void> {
    await this.database.write(RECORD, this.parametersOf(entry));
  }

  /** Records a refusal, unless the organization has reached the limit for it in the last minute. */
  async refuse(entry: AuditEntry & { organizationId: string }): Promise<void> {
    const since = addSeconds(this.clock.now(), -MINUTE_SECONDS);
    await this.database.write(RECORD_REFUSAL, [...this.parametersOf(entry), since]);
  }

  /** Deletes events that no longer have to be kept. */
  async prune(): Promise<void> {
    await prune(this.database, PRUNE, [this.oldestKept()]);
  }

  /** Seconds for which the oldest event has been kept for too long. */
  async retentionLag(): Promise<number> {
    const [oldest] = await this.database.read<{ at: Date | string }>(OLDEST, []);
    if (!oldest) return 0;
    return Math.max(this.oldestKept().getTime() - toInstant(oldest.at).getTime(), 0) / 1000;
  }

  /** Events from before this instant no longer have to be kept. */
  private oldestKept(): Date {
    return addSeconds(this.clock.now(), -this.settings.RETENTION_DAYS * SECONDS_PER_DAY);
  }

  private parametersOf({ by, details, ...entry }: AuditEntry): Parameter[] {
    return [
      this.clock.now(),
      entry.event,
      entry.organizationId,
      entry.userId ?? null,
      by?.userId ?? null,
      by?.clientId ?? null,
      entry.groupId ?? null,
      entry.tokenId ?? null,
      entry.rule ?? null,
      details ? JSON.stringify(details) : null,
      currentRequestId(),
    ];
  }
}
