import { setTimeout } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { withoutDeadline } from '../common/deadline.js';
import { Database } from '../database/database.js';
import type { Statement } from '../database/statement.js';
import { isTableMissing } from '../database/unavailable.js';
import { MIGRATIONS } from '../schema/migrations.js';
import { KeyRing } from '../tokens/key-ring.js';

/** What keeps an instance from serving requests. */
export const FAULTS = {
  draining: 'The instance is shutting down.',
  database: 'The database accepts no writes at the moment.',
  schema:
    'The schema of the database is older than this version. Start an instance of this version, which migrates it.',
  keys: 'There are no signing keys.',
} as const;
export type Fault = keyof typeof FAULTS;

/** Milliseconds for which one look at the database is the answer to everybody, and the longest that anybody waits for it. */
const LOOK_MS = 1_000;
const LIMIT_MS = 2_000;
/** Milliseconds since the last question after which nobody is taken to ask regularly. */
const ASKED_MS = 60_000;

/**
 * Writes a row to the disk, and to the standbys for which a commit waits: only that shows whether the database accepts
 * writes. It does so if the schema is at least that of this version.
 */
const WRITE: Statement = {
  name: 'write_check',
  sql: `UPDATE "write_checks" SET "count" = "count" + 1
        WHERE EXISTS (SELECT 1 FROM "migrations" m WHERE m."name" = $1) RETURNING "id"`,
  isRepeatable: true,
};
const NEWEST = new (MIGRATIONS.at(-1)!)().name;

interface Look {
  startedAt: number;
  isOver: boolean;
  fault: Promise<Fault | null>;
}

/** Whether this instance can serve requests, for load balancers. */
@Injectable()
export class Readiness {
  private readonly logger = new Logger('Readiness');
  private isDraining = false;
  private askedAt = -Infinity;
  private look?: Look;
  private known: Fault | null = null;

  constructor(
    private readonly database: Database,
    private readonly keys: KeyRing,
  ) {}

  /** What keeps the instance from serving requests, or `null`. All who ask within a second share one look. */
  async findFault(): Promise<Fault | null> {
    const now = performance.now();
    this.askedAt = now;
    const isOld = this.look?.isOver && now - this.look.startedAt >= LOOK_MS;
    if (!this.look || isOld) this.look = withoutDeadline(() => this.start(now));
    const fault = await within(this.look.fault, this.look.startedAt + LIMIT_MS - now);
    if (this.isDraining) return 'draining';
    this.report(fault);
    return fault;
  }

  /** Answers from now on that the instance is not ready, and waits until those who ask regularly have noticed. */
  async drain(ms: number): Promise<void> {
    this.isDraining = true;
    if (performance.now() - this.askedAt < ASKED_MS) await setTimeout(ms);
  }

  private start(startedAt: number): Look {
    const look: Look = { startedAt, isOver: false, fault: this.find() };
    void look.fault.finally(() => (look.isOver = true));
    return look;
  }

  private async find(): Promise<Fault | null> {
    try {
      const rows = await this.database.write(WRITE, [NEWEST]);
      if (rows.length === 0) return 'schema';
      await this.keys.refresh();
      return this.keys.canSign ? null : 'keys';
    } catch (error) {
      this.logger.debug(String(error));
      return isTableMissing(error) ? 'schema' : 'database';
    }
  }

  private report(fault: Fault | null): void {
    if (fault === this.known) return;
    this.known = fault;
    if (fault === null) this.logger.log('Ready again');
    else this.logger.warn(`Not ready. ${FAULTS[fault]}`);
  }
}

async function within(fault: Promise<Fault | null>, ms: number): Promise<Fault | null> {
  const over = new AbortController();
  const late = setTimeout(Math.max(ms, 0), 'database' as const, { signal: over.signal });
  late.catch(() => undefined);
  try {
    return await Promise.race([fault, late]);
  } finally {
    over.abort();
  }
}
