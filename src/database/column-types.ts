import type { ColumnOptions } from 'typeorm';

/**
 * Decorators run when a file is loaded, before there are settings. So the engine is read from the one variable that
 * decides it.
 */
const isPostgres = Boolean(process.env.DATABASE_URL);

/** An instant: `timestamptz` on PostgreSQL; ISO 8601 text in UTC, which sorts by time, on SQLite. */
export const INSTANT: ColumnOptions = {
  type: isPostgres ? 'timestamptz' : 'datetime',
  precision: isPostgres ? 3 : undefined,
};

/** The ID of a user, service account, group or organization: 22 characters of base64url. */
export const ID = { type: 'varchar', length: 22 } as const satisfies ColumnOptions;

/**
 * A word of a search and the text after it. It is compared character by character, whatever the database's collation.
 */
export const TERM = {
  type: 'varchar',
  length: 64,
  collation: isPostgres ? 'C' : undefined,
} as const satisfies ColumnOptions;

/** A number that grows with each new row. */
export const SERIAL = isPostgres ? 'bigint' : 'integer';

/** The ID of a login, 16 bytes: `uuid` on PostgreSQL. */
export const LOGIN_ID = { type: isPostgres ? 'uuid' : 'blob' } as const satisfies ColumnOptions;

/** Bytes, such as a hash. */
export const BYTES: ColumnOptions = { type: isPostgres ? 'bytea' : 'blob' };

/** An instant as milliseconds since 1970, in the tables that get a row for each login. PostgreSQL returns it as text. */
export const MILLISECONDS: ColumnOptions = { type: 'bigint' };

/** One end of a period, stored as milliseconds since 1970; `null` if the period has no such end. */
export const BOUND: ColumnOptions = {
  ...MILLISECONDS,
  nullable: true,
  transformer: {
    to: (instant?: Date | null) => instant?.getTime() ?? instant,
    from: (milliseconds: number | string | null) => (milliseconds === null ? null : new Date(Number(milliseconds))),
  },
};
