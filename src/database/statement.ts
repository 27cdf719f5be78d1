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
  /** How PostgreSQL runs many calls of the statement at once. The statement is repeatable then. */
  readonly batch?: BatchForm;
}

/** One statement that does what many calls of another would do. */
export interface BatchForm {
  /** Each parameter is an array with a value for each call. Each row names its call in the column `call`. */
  readonly sql: string;
  /** Which parameters are UUIDs. An array has them as text. */
  readonly isUuid: readonly boolean[];
  /** The index of the parameter that names the call: a UUID, of which the statement inserts one row. */
  readonly id: number;
}

/** A parameter of a statement. Instants are `Date` on both engines, and IDs of logins are their bytes. */
export type Parameter = string | number | boolean | Date | Buffer | null;
