import type { EntityManager } from 'typeorm';
import { afterCommit } from '../database/after-commit.js';
import type { EndReason } from '../schema/entities/audit-events.js';
import { countEnded } from '../telemetry/metrics.js';

/** A session that a statement has ended; without a reason, it had run out before. */
export interface EndedRow {
  reason: EndReason | null;
}

/** Counts the sessions that a transaction has ended, once it is committed. */
export function countWhenCommitted(db: EntityManager, rows: EndedRow[]): void {
  if (rows.length > 0) afterCommit(db, () => countEnded(rows));
}
