import type { BatchForm, Statement } from './statement.js';

/**
 * Milliseconds that a batch waits for a lock, such as that of a token that another instance redeems. Then its calls run
 * alone, and only the one that needs the lock goes on waiting.
 */
const LOCK_MS = 100;
/** Sets the limit until the end of the statement's own transaction, without a round trip more. */
const LIMIT_LOCKS = `FROM set_config('lock_timeout', '${LOCK_MS}', true)`;

/** PostgreSQL's types of what a call inserts. `uuid` is the ID of a login. */
export type ParameterType = 'uuid' | 'varchar' | 'bigint' | 'boolean' | 'bytea';

/** An `INSERT … SELECT` of one row at most. */
interface Insertion {
  name: string;
  /** The table and its columns. */
  into: string;
  /** A SELECT that gives one row, or none if its condition refuses the call. It alone has parameters. */
  select: string;
  /** What happens if the row is there already, and what is returned. It names the row by its columns. */
  end: string;
  /** The types of `$1`, `$2`, … */
  types: readonly ParameterType[];
  /** Which parameter is the ID of the row, 1 for `$1`. The column is `id`. */
  id: number;
}

/**
 * Makes a repeatable statement that PostgreSQL also runs for many calls at once. There, the SELECT runs for each call by
 * itself, with its whole condition.
 */
export function insertion({ name, into, select, end, types, id }: Insertion): Statement {
  // LIMIT keeps PostgreSQL from merging the SELECT with its neighbours, so it is planned for one row.
  const one = `${select} LIMIT 1`;
  return {
    name,
    sql: `INSERT INTO ${into} ${one} ${end}`,
    isRepeatable: true,
    batch: batchOf(types, id, `INSERT INTO ${into} SELECT made.* ${ofEachCall(one, types)} ${end}, "id" AS "call"`),
  };
}

/** A statement for many calls. `id` is the parameter that names the call, 1 for `$1`. */
export function batchOf(types: readonly ParameterType[], id: number, sql: string): BatchForm {
  return { sql, isUuid: types.map((type) => type === 'uuid'), id: id - 1 };
}

/** What follows SELECT for the row `made` that `one` makes of each `call`, whose columns have the names `$1`, `$2`, … */
export function ofEachCall(one: string, types: readonly ParameterType[]): string {
  // In a subquery, the planner takes an array for one of ten rows, however long it is. Otherwise short arrays would look
  // so cheap that PostgreSQL would plan the statement anew for each batch, which takes longer than running it.
  const arrays = types.map((type, index) => `(SELECT $${index + 1}::${type}[] ${index === 0 ? LIMIT_LOCKS : ''})`);
  const columns = types.map((_, index) => `"$${index + 1}"`);
  const ofCall = one.replaceAll(/\$\d+/g, (parameter) => `call."${parameter}"`);
  return `FROM unnest(${arrays.join(', ')}) AS call(${columns.join(', ')}) CROSS JOIN LATERAL (${ofCall}) made`;
}
