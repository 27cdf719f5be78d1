/**
 * One SQL statement of the hot path, prepared once for each connection. It is written in the SQL
 * that SQLite and PostgreSQL share, with the parameters `$1`, `$2`, …
 */
export interface Statement {
  /** Names the prepared statement on PostgreSQL; unique in the service. */
  readonly name: string;
  readonly sql: string;
  /** Of one that writes: run again with the same parameters, it changes nothing more and answers the same. */
  readonly isRepeatable?: true;
}

/** A value that a statement takes. Instants are `Date` on both engines. */
export type Parameter = string | number | boolean | Date | null;
