/** SQLite: the file is locked for too long, can't be opened, read or written, or the disk is full. */
const SQLITE = /^SQLITE_(BUSY|IOERR|FULL|CANTOPEN|READONLY|PROTOCOL)/;
/** PostgreSQL: connection exceptions (class 08), insufficient resources (53), operator intervention and time-outs (57), a lock that can't be had (55P03), serialization and deadlock (40). */
const POSTGRES = /^(08|53|57|55P03|40)/;
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
/** What node-postgres says, without a code, of a connection that is gone or that it can't get. */
const CONNECTION =
  /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|database connection is not open/;

/** Whether an error of a driver means that the database can't be reached now, not that the statement is wrong. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const cause = (error as { driverError?: unknown }).driverError ?? error;
  const { code, message } = cause as { code?: unknown; message?: string };
  if (cause instanceof AggregateError) return cause.errors.some(isDatabaseUnavailable);
  if (
    typeof code === 'string' &&
    (SQLITE.test(code) || NETWORK.has(code) || (code.length === 5 && POSTGRES.test(code)))
  )
    return true;
  return CONNECTION.test(message ?? '');
}
