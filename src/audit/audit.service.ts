import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Caller } from '../common/caller.js';
import { addSeconds, Clock, SECONDS_PER_DAY } from '../common/clock.js';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import type { Parameter, Statement } from '../database/statement.js';
import type { AuditDetails, AuditEventName } from '../schema/entities/audit-events.js';

/** What happened, as far as it is known. */
export interface AuditEntry {
  event: AuditEventName;
  /** Whose administrators see it. */
  organizationId: string | null;
  /** Whom it happened to. */
  userId?: string | null;
  /** Who did it, by which client; `null` for an operator on the command line. */
  by: Partial<Pick<Caller, 'userId' | 'clientId'>> | null;
  groupId?: string | null;
  tokenId?: string | null;
  rule?: number;
  details?: AuditDetails;
}

/** Refusals of one kind that an organization's record takes in a minute: whoever is refused on and on does not fill it. */
export const REFUSALS_PER_MINUTE = 600;
const MINUTE_SECONDS = 60;

const COLUMNS = `"at", "event", "organization_id", "user_id", "actor_id", "client_id", "group_id", "token_id", "rule", "details"`;

const RECORD: Statement = {
  name: 'record_audit_event',
  sql: `INSERT INTO "audit_events" (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
};

/** The number of those before is a range of an index, which is read up to the limit. */
const RECORD_REFUSAL: Statement = {
  name: 'record_refusal',
  sql: `INSERT INTO "audit_events" (${COLUMNS})
        SELECT $1, CAST($2 AS varchar), CAST($3 AS varchar), $4, $5, $6, $7, $8, CAST($9 AS integer), $10
        WHERE (SELECT COUNT(*) FROM (SELECT 1 FROM "audit_events" e
               WHERE e."organization_id" = CAST($3 AS varchar) AND e."event" = CAST($2 AS varchar) AND e."at" > $11
               LIMIT ${REFUSALS_PER_MINUTE}) earlier) < ${REFUSALS_PER_MINUTE}`,
};

/** In steps, so that a large backlog never holds the write lock for long. The oldest have the smallest ids. */
const PRUNE_STEP = 1000;
const PRUNE: Statement = {
  name: 'prune_audit_events',
  sql: `DELETE FROM "audit_events" WHERE "at" < $1 AND "id" IN (SELECT e."id" FROM "audit_events" e ORDER BY e."id" LIMIT ${PRUNE_STEP})
        RETURNING "id"`,
};

/**
 * The record of who let whom in, and of what decides about it. It only grows. What the hot path writes is recorded by
 * triggers (`docs/triggers.md`): login tokens that are issued and revoked, sessions that start and end.
 */
@Injectable()
export class AuditService {
  constructor(
    private readonly database: Database,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /** In the transaction of what is recorded: both are there, or neither. */
  async record(db: EntityManager, entry: AuditEntry): Promise<void> {
    await this.database.within(db, RECORD, this.parametersOf(entry));
  }

  /** On its own, for what was written elsewhere. */
  async write(entry: AuditEntry): Promise<void> {
    await this.database.write(RECORD, this.parametersOf(entry));
  }

  /** Records that something was refused, unless the organization has had too many of these in the last minute. */
  async refuse(entry: AuditEntry & { organizationId: string }): Promise<void> {
    const since = addSeconds(this.clock.now(), -MINUTE_SECONDS);
    await this.database.write(RECORD_REFUSAL, [...this.parametersOf(entry), since]);
  }

  /** Forgets what is older than it has to be kept. */
  async prune(): Promise<void> {
    const before = addSeconds(this.clock.now(), -this.settings.RETENTION_DAYS * SECONDS_PER_DAY);
    while ((await this.database.write(PRUNE, [before])).length > 0);
  }

  private parametersOf({ by, details, ...entry }: AuditEntry): Parameter[] {
    const at = this.clock.now();
    at.setMilliseconds(0);
    return [
      at,
      entry.event,
      entry.organizationId,
      entry.userId ?? null,
      by?.userId ?? null,
      by?.clientId ?? null,
      entry.groupId ?? null,
      entry.tokenId ?? null,
      entry.rule ?? null,
      details ? JSON.stringify(details) : null,
    ];
  }
}
