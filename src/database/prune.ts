import { setTimeout } from 'node:timers/promises';
import type { Database } from './database.js';
import type { Parameter, Statement } from './statement.js';

/** The maximum of rows that one statement deletes, so that a large backlog never holds the write lock for long. */
export const PRUNE_STEP = 1000;
/** For how long others may write between two steps: so many times as long as the step took, up to the limit. */
const REST = 3;
const MAX_REST_MS = 2_000;

/**
 * Repeats a statement, which deletes up to `PRUNE_STEP` rows and returns them, until no rows are left or the service
 * stops. The rest is deleted after the next start.
 */
export async function prune(database: Database, statement: Statement, parameters: Parameter[]): Promise<void> {
  while (!database.isStopping) {
    const startedAt = performance.now();
    const rows = await database.write(statement, parameters);
    if (rows.length === 0) return;
    await setTimeout(Math.min(REST * (performance.now() - startedAt), MAX_REST_MS));
  }
}

/** Deletes the rows of a table whose `expires_at` has passed. */
export function pruneExpired(table: string, key: string): Statement {
  return pruneBefore(table, key, 'expires_at');
}

/** Deletes the rows of a table in which `column` is less than the parameter. */
export function pruneBefore(table: string, key: string, column: string): Statement {
  return {
    name: `prune_${table}`,
    sql: `DELETE FROM "${table}" WHERE "${key}" IN (
            SELECT t."${key}" FROM "${table}" t WHERE t."${column}" < $1 LIMIT ${PRUNE_STEP})
          RETURNING "${key}"`,
  };
}
