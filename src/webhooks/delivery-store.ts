import { Injectable } from '@nestjs/common';
import { InjectEntityManager } from '@nestjs/typeorm';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { Clock } from '../common/clock.js';
import { newId } from '../common/id.js';
import { Database } from '../database/database.js';
import type { Parameter, Statement } from '../database/statement.js';
import type { Position } from '../record-feed/position.js';
import { WebhookEndpoint } from '../schema/entities/webhook-endpoint.entity.js';
import type { WebhookDisabledReason } from '../schema/entities/webhook-endpoint.entity.js';
import { findSigning } from './webhook-keys.service.js';
import type { WebhookKey } from '../schema/entities/webhook-key.entity.js';

/** Milliseconds for which an endpoint is one instance's alone. After a crash, another one goes on when they are over. */
const LEASE_MS = 15_000;

/** What this instance sends to, and what nobody does. */
const FIND: Statement = {
  name: 'find_due_webhooks',
  sql: `SELECT w."id", w."version", w."lease_owner" AS "owner" FROM "webhook_endpoints" w
        WHERE w."status" = 'ENABLED' AND (w."lease_until" <= $2 OR w."lease_owner" = $1) ORDER BY w."lease_until", w."id"`,
};

/** Of several instances, one gets an endpoint. */
const CLAIM: Statement = {
  name: 'claim_webhook',
  sql: `UPDATE "webhook_endpoints" SET "lease_owner" = $2, "lease_until" = $4
        WHERE "id" = $1 AND "status" = 'ENABLED' AND ("lease_until" <= $3 OR "lease_owner" = $2) RETURNING "id"`,
};

const RENEW: Statement = {
  name: 'renew_webhooks',
  sql: `UPDATE "webhook_endpoints" SET "lease_until" = $3
        WHERE "lease_owner" = $1 AND "lease_until" > $2 AND "status" = 'ENABLED' RETURNING "id"`,
};

const RELEASE: Statement = {
  name: 'release_webhook',
  sql: `UPDATE "webhook_endpoints" SET "lease_owner" = NULL, "lease_until" = 0 WHERE "id" = $1 AND "lease_owner" = $2`,
};

/** An administrator's change since the row was read wins; what it does not keep is sent again. */
const PROGRESS: Statement = {
  name: 'record_webhook_progress',
  sql: `UPDATE "webhook_endpoints" SET "cursor_at" = $4, "cursor_rank" = $5, "cursor_id" = $6,
          "replay_at" = $7, "replay_rank" = $8, "replay_id" = $9, "replay_until" = $10,
          "failures" = $11, "failing_since" = $12, "next_at" = $13, "last_error" = $14, "last_success_at" = $15
        WHERE "id" = $1 AND "lease_owner" = $2 AND "version" = $3`,
  isRepeatable: true,
};

const DISABLE: Statement = {
  name: 'disable_webhook',
  sql: `UPDATE "webhook_endpoints" SET "status" = 'DISABLED', "disabled_reason" = $3, "next_at" = NULL, "version" = "version" + 1
        WHERE "id" = $1 AND "lease_owner" = $2 AND "status" = 'ENABLED' RETURNING "id"`,
};

/** An endpoint that this instance sends to, or that it could. */
export interface DueEndpoint {
  id: string;
  version: number;
  owner: string | null;
}

/** How far an endpoint has come. */
export interface Progress {
  cursor: Position;
  replay: { position: Position; until: Date } | null;
  failures: number;
  failingSince: Date | null;
  nextAt: Date | null;
  lastError: string | null;
  lastSuccessAt: Date | null;
}

/** Which instance sends to which endpoint, and how far. */
@Injectable()
export class DeliveryStore {
  /** This instance. */
  private readonly owner = newId();

  constructor(
    @InjectEntityManager() private readonly db: EntityManager,
    private readonly database: Database,
    private readonly audit: AuditService,
    private readonly clock: Clock,
  ) {}

  isOwn({ owner }: DueEndpoint): boolean {
    return owner === this.owner;
  }

  find(): Promise<DueEndpoint[]> {
    return this.database.read<DueEndpoint>(FIND, [this.owner, this.clock.now().getTime()]);
  }

  /** Takes an endpoint that nobody sends to. Of several instances, one gets it. */
  async claim(id: string): Promise<boolean> {
    const now = this.clock.now().getTime();
    return (await this.database.write(CLAIM, [id, this.owner, now, now + LEASE_MS])).length === 1;
  }

  /** Keeps the endpoints of this instance for longer. @returns their IDs */
  async renew(): Promise<Set<string>> {
    const now = this.clock.now().getTime();
    const rows = await this.database.write<{ id: string }>(RENEW, [this.owner, now, now + LEASE_MS]);
    return new Set(rows.map(({ id }) => id));
  }

  async release(id: string): Promise<void> {
    await this.database.write(RELEASE, [id, this.owner]);
  }

  /** The endpoint with the keys that sign now, or `null` if it is gone. */
  async load(id: string): Promise<{ endpoint: WebhookEndpoint; keys: WebhookKey[] } | null> {
    const endpoint = await this.db.findOneBy(WebhookEndpoint, { id });
    return endpoint && { endpoint, keys: await findSigning(this.db, id, this.clock.now()) };
  }

  /** Records how far an endpoint has come, unless it was changed since `version`. */
  async record(id: string, version: number, progress: Progress): Promise<void> {
    const { cursor, replay, failures, failingSince, nextAt, lastError, lastSuccessAt } = progress;
    await this.database.write(PROGRESS, [
      id,
      this.owner,
      version,
      ...columnsOf(cursor),
      ...(replay ? [...columnsOf(replay.position), replay.until.getTime()] : [null, null, null, null]),
      failures,
      failingSince?.getTime() ?? null,
      nextAt?.getTime() ?? null,
      lastError,
      lastSuccessAt?.getTime() ?? null,
    ]);
  }

  /** Disables an endpoint and records why. */
  async disable(id: string, organizationId: string, reason: WebhookDisabledReason): Promise<void> {
    await this.database.transaction(async (db) => {
      const [disabled] = await this.database.within(db, DISABLE, [id, this.owner, reason]);
      if (!disabled) return;
      const details = { webhook: id, reason };
      await this.audit.record(db, { event: 'WEBHOOK_DISABLED', organizationId, by: null, details });
    });
  }
}

function columnsOf({ at, rank, id }: Position): Parameter[] {
  return [at.getTime(), rank, id];
}
