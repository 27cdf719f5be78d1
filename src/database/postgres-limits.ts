import * as pg from 'pg';
import type { ClientBase } from 'pg';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import type { PostgresDataSourceOptions } from 'typeorm/driver/postgres/PostgresDataSourceOptions.js';
import type { HistoryGate } from './history-gate.js';
import { DeadlinePool, streamOf } from './postgres-pool.js';
import { SilenceWatch } from './silence-watch.js';

/** Milliseconds for connecting to PostgreSQL, and for waiting until a connection in the pool is free. */
export const CONNECT_MS = 2_000;
/** Milliseconds that all statements of a request may take together, or a statement outside of requests. */
export const ANSWER_MS = 4_600;
/**
 * Milliseconds after which PostgreSQL gives up waiting for a lock, a statement, and a transaction whose client is
 * silent. The last must be shorter than the limit of a whole transaction: otherwise PostgreSQL ignores it, and keeps
 * sessions whose transaction has failed, which have no other limit.
 */
const LIMITS = { lock_timeout: 3_500, statement_timeout: 4_000, idle_in_transaction_session_timeout: 4_800 };
/**
 * The limit of a whole transaction, from PostgreSQL 17 on. The server does not count a client that stops in the middle
 * of a message as idle, and would wait for it with all locks held.
 */
const TRANSACTION_LIMIT = { transaction_timeout: 5_000 };
const TRANSACTION_LIMIT_SINCE = 17;
/** Milliseconds after which an unused connection leaves the pool. The server uses the same limit if we vanish. */
const IDLE_MS = 4_000;
const ABANDONED_MS = 10_000;
/** Seconds after which the server probes a silent client, and between its three probes. */
const KEEP_ALIVE = { tcp_keepalives_idle: 2, tcp_keepalives_interval: 1, tcp_keepalives_count: 3 };
/**
 * Milliseconds after which a silent connection is taken for dead. It is longer than PostgreSQL's limit for a statement
 * and than the time an unused connection is kept, so such a connection will never answer.
 */
const SILENCE_MS = 4_500;

/** Settings that our statements depend on, whatever the database or the user has as a default. */
const SESSION = {
  datestyle: 'ISO',
  default_transaction_isolation: 'read committed',
  standard_conforming_strings: 'on',
};

/** Settings in the form of the startup parameter `options`. */
function asOptions(settings: Record<string, string | number>): string {
  return Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${String(value).replaceAll(' ', '\\ ')}`)
    .join(' ');
}

/** What a connection pool between us and the server, such as PgBouncer, allows. */
export interface ConnectionOptions {
  /** Whether sessions are shared with others, so that no setting or prepared statement may remain in them. */
  isShared: boolean;
}

/**
 * Opens the database with the settings that our statements depend on, and without time limits, for migrations. A
 * connection is only given up when the server does not work on it.
 */
export async function openUnlimited(options: PostgresDataSourceOptions): Promise<DataSource> {
  const { onConnect } = new SilenceWatch(options.url!);
  try {
    return await open(options, { options: asOptions({ ...SESSION, ...KEEP_ALIVE }), onConnect });
  } catch (error) {
    if (!isRefusedSetting(error)) throw error;
    return open(options, { onConnect });
  }
}

/**
 * Opens the database with time limits for everything: on the server, and on our side, because a connection can die
 * without a sign (a failover, a firewall).
 */
export async function openLimited(given: PostgresDataSourceOptions, limits: Limits): Promise<DataSource> {
  const options = { ...given, driver: { ...pg, Pool: DeadlinePool } };
  const { gate } = given.extra as { gate: HistoryGate };
  const onConnect = (client: ClientBase): Promise<void> => {
    endWhenSilent(client);
    return gate.admit(client);
  };
  const onConnectShared = (client: ClientBase): Promise<void> => {
    endWhenSilent(client);
    return gate.admitShared(client);
  };
  const own = { idleTimeoutMillis: IDLE_MS, onConnect };
  const session = asOptions({ ...SESSION, ...KEEP_ALIVE, ...limits, idle_session_timeout: ABANDONED_MS });
  try {
    const dataSource = await open(options, { ...own, options: session, isShared: false });
    const [row] = await dataSource.query(`SELECT current_setting('statement_timeout') AS "timeout"`);
    if ((row as { timeout: string }).timeout === `${LIMITS.statement_timeout / 1000}s`) return dataSource;
    // PgBouncer drops the settings that its ignore_startup_parameters lists.
    await dataSource.destroy();
  } catch (error) {
    if (!isRefusedSetting(error)) throw error;
  }
  return open(options, { ...own, onConnect: onConnectShared, isShared: true });
}

/** Milliseconds, by the names of PostgreSQL's settings. */
type Limits = Record<string, number>;

/** The limits that the server of an open database supports. */
export function limitsOf({ driver }: DataSource): Limits {
  const version = parseInt(driver.version ?? '');
  return version >= TRANSACTION_LIMIT_SINCE ? { ...LIMITS, ...TRANSACTION_LIMIT } : LIMITS;
}

/** Sets the limits for the current transaction, where the session can't have them. */
export async function limitTransaction(db: EntityManager): Promise<void> {
  const settings = Object.entries(limitsOf(db.connection)).map(
    ([name, value]) => `set_config('${name}', '${value}', true)`,
  );
  await db.query(`SELECT ${settings.join(', ')}`);
}

/** Removes the limit of the current transaction. Each statement keeps its own. */
export async function letTransactionBeLong(db: EntityManager): Promise<void> {
  if ('transaction_timeout' in limitsOf(db.connection)) await db.query('SET LOCAL transaction_timeout = 0');
}

/** The settings that differ from what our statements need, as SQL that sets them for the user. */
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
  // Without a driver, TypeORM would load another copy of it, from outside of the bundle.
  return new DataSource({ driver: pg, ...options, extra: { ...(options.extra as object), ...extra } }).initialize();
}

/** A protocol violation: PgBouncer's error for a setting that it does not pass on. */
function isRefusedSetting(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: string };
  return code === '08P01' && /startup parameter/.test(message ?? '');
}

function endWhenSilent(client: ClientBase): void {
  const stream = streamOf(client);
  const silent = Object.assign(new Error('The database does not answer.'), { code: 'ETIMEDOUT' });
  // All statements that wait on the connection fail at once, a ROLLBACK too, and the pool does not take it back.
  stream.setTimeout(SILENCE_MS, () => stream.destroy(silent));
}
