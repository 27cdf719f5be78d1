import type { Database } from './database.js';
import type { Parameter, Statement } from './statement.js';

/** The maximum of rows that one statement deletes, so that a large backlog never holds the write lock for long. */
const PRUNE_STEP = 1000;

/** Repeats a statement, which deletes up to `PRUNE_STEP` rows and returns them, until no rows are left. */
export async function prune(database: Database, statement: Statement, parameters: Parameter[]): Promise<void> {
  while ((await database.write(statement, parameters)).length === PRUNE_STEP);
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
