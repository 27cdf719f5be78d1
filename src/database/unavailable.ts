/** SQLite: the file stays locked, can't be opened, read or written, or the disk is full. */
const SQLITE = /^SQLITE_(BUSY|IOERR|FULL|CANTOPEN|READONLY|PROTOCOL)/;
/**
 * PostgreSQL: connection exceptions (class 08), insufficient resources (53), operator intervention and time-outs (57,
 * 25P03, 25P04), a lock that is not available (55P03), serialization failures and deadlocks (40).
 */
const POSTGRES = /^(08|53|57|25P0[34]|55P03|40)/;
const NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'ETIMEDOUT',
  'EPIPE',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENOENT',
]);
/**
 * Messages of node-postgres, which have no code, for a connection that is gone or could not be made; and of TypeORM,
 * which releases a connection that is gone in the middle of a transaction.
 */
const CONNECTION =
  /[Qq]uery runner.* already released|Connection terminated|timeout exceeded when trying to connect|^timeout expired$|Query read timeout|Client has encountered a connection error|Client was closed|database connection is not open/;
/** PostgreSQL's code for a write on a standby, or in a database that is read-only. */
export const READ_ONLY_STATE = '25006';
/** PostgreSQL's code for a server that takes no connections now. */
const NOT_YET_STATE = '57P03';
/** PostgreSQL ends the connection, accepts none now, or no writes on it. */
const CONNECTION_STATE = /^(08...|57P0[1235]|25P0[34]|25006)$/;

/** Whether a driver's error means that the database can't be reached now, and not that the statement is wrong. */
export function isDatabaseUnavailable(error: unknown): boolean {
  return (
    isConnectionLost(error) ||
    someCause(error, ({ code }) => SQLITE.test(code) || (code.length === 5 && POSTGRES.test(code)))
  );
}

/**
 * Whether a driver's error is about the connection. The statement may work on another one, and may have been executed
 * already.
 */
export function isConnectionLost(error: unknown): boolean {
  return someCause(
    error,
    ({ code, message }) => NETWORK.has(code) || CONNECTION_STATE.test(code) || CONNECTION.test(message),
  );
}

/** The error of a server whose history is not dealt with yet. */
export function notYet(cause?: unknown): Error {
  const error = new Error('The database has another history than before, as after a failover.', { cause });
  return Object.assign(error, { code: NOT_YET_STATE });
}

/** Whether PostgreSQL accepts no writes: it may be a standby. */
export function isReadOnly(error: unknown): boolean {
  return someCause(error, ({ code }) => code === READ_ONLY_STATE);
}

/** Whether a statement names a table that the schema of the database does not have. */
export function isTableMissing(error: unknown): boolean {
  return someCause(error, ({ code, message }) => code === '42P01' || /no such table/.test(message));
}

/** SQLite can't write to its file, or the disk is full; PostgreSQL is a standby, or its transactions only read. */
const READ_ONLY = /^(SQLITE_(READONLY|FULL|IOERR).*|25006)$/;

/** Whether a driver's error means that the database takes no writes now. */
export function isRefusedWrite(error: unknown): boolean {
  return someCause(error, ({ code }) => READ_ONLY.test(code));
}

/** The code of a driver's error, also where TypeORM has wrapped it; empty for an error without one. */
export function codeOf(error: unknown): string {
  const { code } = ((error as { driverError?: unknown }).driverError ?? error) as { code?: unknown };
  return typeof code === 'string' ? code : '';
}

function someCause(error: unknown, is: (cause: { code: string; message: string }) => boolean): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const cause = (error as { driverError?: unknown }).driverError ?? error;
  if (cause instanceof AggregateError) return cause.errors.some((one) => someCause(one, is));
  return is({ code: codeOf(cause), message: (cause as { message?: string }).message ?? '' });
}
