import type { Database } from './database.js';
import type { Parameter, Statement } from './statement.js';

/** Rows that one statement of `prune` deletes at most, so that a large backlog never holds the write lock for long. */
export const PRUNE_STEP = 1000;

/** Runs a statement that deletes up to `PRUNE_STEP` rows and returns each, until there are no more. */
export async function prune(database: Database, statement: Statement, parameters: Parameter[]): Promise<void> {
  while ((await database.write(statement, parameters)).length === PRUNE_STEP);
}

/** Deletes what a table keeps until `expires_at`. */
export function pruneExpired(table: string, key: string): Statement {
  return {
    name: `prune_${table}`,
    sql: `DELETE FROM "${table}" WHERE "${key}" IN (
            SELECT t."${key}" FROM "${table}" t WHERE t."expires_at" < $1 LIMIT ${PRUNE_STEP})
          RETURNING "${key}"`,
  };
}
