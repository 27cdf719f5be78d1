/**
 * One SQL statement of the hot path, prepared once for each connection. It is written in the SQL that SQLite and
 * PostgreSQL share, with the parameters `$1`, `$2`, …
 */
export interface Statement {
  /** The name of the prepared statement on PostgreSQL. It must be unique. */
  readonly name: string;
  readonly sql: string;
  /**
   * For a statement that writes: if it runs again with the same parameters, it changes nothing and gives the same
   * result.
   */
  readonly isRepeatable?: true;
}

/** A parameter of a statement. Instants are `Date` on both engines, and IDs of logins are their bytes. */
export type Parameter = string | number | boolean | Date | Buffer | null;
