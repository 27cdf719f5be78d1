import type { Socket } from 'node:net';
import type { ClientBase } from 'pg';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import type { PostgresDataSourceOptions } from 'typeorm/driver/postgres/PostgresDataSourceOptions.js';

/** Milliseconds that a connection to PostgreSQL may take, or one of the pool to become free. */
export const CONNECT_MS = 2_000;
/** Milliseconds after which PostgreSQL gives up a lock, a statement, and a transaction whose client says nothing more. */
const LIMITS = { lock_timeout: 3_500, statement_timeout: 4_000, idle_in_transaction_session_timeout: 5_000 };
/**
 * The same for a whole transaction, from PostgreSQL 17 on. A client that goes silent in the middle of a message is not idle to
 * the server, which would wait for the rest of it with all locks held.
 */
const TRANSACTION_LIMIT = { transaction_timeout: 5_000 };
const TRANSACTION_LIMIT_SINCE = 17;
/** Milliseconds after which a connection that nobody uses leaves the pool; and the server, where we are gone without a word. */
const IDLE_MS = 4_000;
const ABANDONED_MS = 10_000;
/** Seconds after which the server asks a client that says nothing whether it is there, and again; it asks three times. */
const KEEP_ALIVE = { tcp_keepalives_idle: 2, tcp_keepalives_interval: 1, tcp_keepalives_count: 3 };
/**
 * Milliseconds after which a connection on which nothing comes and goes is taken for dead. It is longer than what
 * PostgreSQL gives a statement, and what an unused connection stays: what is silent for so long will never answer.
 */
const SILENCE_MS = 4_500;

/** What our statements rely on, whatever is set for the database or the user. */
const SESSION = {
  datestyle: 'ISO',
  default_transaction_isolation: 'read committed',
  standard_conforming_strings: 'on',
};

/** Settings in the form in which a connection brings them along. */
function asOptions(settings: Record<string, string | number>): string {
  return Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${String(value).replaceAll(' ', '\\ ')}`)
    .join(' ');
}

/** What a pool of connections in between, such as PgBouncer, leaves to it. */
export interface ConnectionOptions {
  /** Sessions are not ours alone: no setting and no prepared statement stays in one. */
  isShared: boolean;
}

/** Opens the database with the settings that our statements rely on, and without an end: migrations may take their time. */
export async function openUnlimited(options: PostgresDataSourceOptions): Promise<DataSource> {
  try {
    return await open(options, { options: asOptions({ ...SESSION, ...KEEP_ALIVE }) });
  } catch (error) {
    if (!isRefusedSetting(error)) throw error;
    return open(options, {});
  }
}

/**
 * Opens the database with an end for everything, on the side of the server and, since a connection can die without a
 * word (a failover, a firewall), on ours.
 */
export async function openLimited(options: PostgresDataSourceOptions, limits: Limits): Promise<DataSource> {
  const own = { idleTimeoutMillis: IDLE_MS, onConnect: endWhenSilent };
  const session = asOptions({ ...SESSION, ...KEEP_ALIVE, ...limits, idle_session_timeout: ABANDONED_MS });
  try {
    const dataSource = await open(options, { ...own, options: session, isShared: false });
    const [row] = await dataSource.query(`SELECT current_setting('statement_timeout') AS "timeout"`);
    if ((row as { timeout: string }).timeout === `${LIMITS.statement_timeout / 1000}s`) return dataSource;
    // PgBouncer with ignore_startup_parameters.
    await dataSource.destroy();
  } catch (error) {
    if (!isRefusedSetting(error)) throw error;
  }
  return open(options, { ...own, isShared: true });
}

/** Milliseconds, by the names of PostgreSQL's settings. */
type Limits = Record<string, number>;

/** Those that the server of an open database knows. */
export function limitsOf({ driver }: DataSource): Limits {
  const version = parseInt(driver.version ?? '');
  return version >= TRANSACTION_LIMIT_SINCE ? { ...LIMITS, ...TRANSACTION_LIMIT } : LIMITS;
}

/** The limits of the server for a transaction, where they can't be those of its session. */
export async function limitTransaction(db: EntityManager): Promise<void> {
  const settings = Object.entries(limitsOf(db.connection)).map(
    ([name, value]) => `set_config('${name}', '${value}', true)`,
  );
  await db.query(`SELECT ${settings.join(', ')}`);
}

/** Takes the limit of a whole transaction away; each of its statements keeps its own. */
export async function letTransactionBeLong(db: EntityManager): Promise<void> {
  if ('transaction_timeout' in limitsOf(db.connection)) await db.query('SET LOCAL transaction_timeout = 0');
}

/** The settings of a session that are not as our statements need them, as SQL that mends them for a user. */
export async function wrongSettings(dataSource: DataSource): Promise<string[]> {
  const names = Object.keys(SESSION);
  const columns = names.map((name) => `current_setting('${name}') AS "${name}"`);
  const [row] = (await dataSource.query(`SELECT ${columns.join(', ')}, CURRENT_USER AS "user"`)) as Record<
    string,
    string
  >[];
  return Object.entries(SESSION)
    .filter(([name, value]) => row![name]!.split(',')[0] !== value)
    .map(([name, value]) => `ALTER ROLE "${row!.user}" SET ${name} = '${value}'`);
}

function open(options: PostgresDataSourceOptions, extra: object): Promise<DataSource> {
  return new DataSource({ ...options, extra: { ...(options.extra as object), ...extra } }).initialize();
}

/** Protocol violation: that is what PgBouncer calls a setting that it does not pass on. */
function isRefusedSetting(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: string };
  return code === '08P01' && /startup parameter/.test(message ?? '');
}

function endWhenSilent(client: ClientBase): void {
  const stream = streamOf(client);
  const silent = Object.assign(new Error('The database does not answer.'), { code: 'ETIMEDOUT' });
  // All statements that wait on it fail at once, a ROLLBACK too, and the pool takes no such connection back.
  stream.setTimeout(SILENCE_MS, () => stream.destroy(silent));
}

/** The socket of a connection: the only way to end one whose peer says nothing. */
export function streamOf(client: ClientBase): Socket {
  return (client as unknown as { connection: { stream: Socket } }).connection.stream;
}
