import { resolve } from 'node:path';
import type { DataSourceOptions } from 'typeorm';
import { urlsOfHosts } from '../config/database-urls.js';
import type { Settings } from '../config/settings.js';
import { HistoryGate } from '../database/history-gate.js';
import { clientFor, PostgresHosts } from '../database/postgres-hosts.js';
import { ENTITIES } from './entities.js';
import { MIGRATIONS } from './migrations.js';
import { CONNECT_MS } from '../database/postgres-limits.js';
import { WAIT_MS } from '../database/sqlite.database.js';

/** Milliseconds after which Linux probes a silent peer. */
const KEEP_ALIVE_MS = 5_000;

/**
 * The page cache of one SQLite connection. The default of 2 MiB makes large transactions slow, and the system caches the
 * file anyway.
 */
const CACHE_KIB = 8 * 1024;
/**
 * Pages of 4 KiB in the write-ahead log after which SQLite copies them into the database: 16 MiB. With the default of
 * 1,000, busy pages are copied so often that a third of the time is spent on it.
 */
const CHECKPOINT_PAGES = 4_000;
/**
 * Bytes to which the file of the write-ahead log is cut when SQLite begins it anew. It grows beyond that while somebody
 * reads for long, such as a backup, and would keep that size.
 */
const LOG_BYTES = 64 * 1024 * 1024;

/** The database's name for the operator, without the user, the password and the connection's settings. */
export function nameOfDatabase({ DATABASE_URL, DATABASE_PATH }: Settings): string {
  if (!DATABASE_URL) return `SQLite, ${resolve(DATABASE_PATH)}`;
  const urls = urlsOfHosts(DATABASE_URL);
  if (!urls.every((url) => URL.canParse(url))) return 'PostgreSQL, DATABASE_URL';
  const hosts = urls.map((url) => new URL(url).host).join(',');
  return `PostgreSQL, ${hosts}${new URL(urls[0]!).pathname}`;
}

/** The options for the database in the settings. The service, the command line and the migrations share them. */
export function dataSourceOptions(settings: Settings): DataSourceOptions {
  const common = { entities: ENTITIES, migrations: MIGRATIONS, synchronize: false, migrationsTableName: 'migrations' };
  if (settings.DATABASE_URL) {
    const urls = urlsOfHosts(settings.DATABASE_URL);
    const hosts = new PostgresHosts(urls);
    return {
      ...common,
      type: 'postgres',
      url: urls[0],
      poolSize: settings.DATABASE_POOL_SIZE,
      connectTimeoutMS: CONNECT_MS,
      applicationName: 'latchkey',
      // The schema needs no extension, and an application should not have the right to create one.
      installExtensions: false,
      extra: {
        hosts,
        gate: new HistoryGate(),
        Client: clientFor(hosts),
        keepAlive: true,
        keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
      },
    };
  }
  return {
    ...common,
    type: 'better-sqlite3',
    database: settings.DATABASE_PATH,
    timeout: WAIT_MS,
    enableWAL: true,
    prepareDatabase: (connection: { pragma(text: string): unknown }) => {
      // A write that was answered must survive a power cut. In WAL mode, only FULL guarantees that.
      connection.pragma('synchronous = FULL');
      connection.pragma(`cache_size = -${CACHE_KIB}`);
      connection.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
      connection.pragma(`journal_size_limit = ${LOG_BYTES}`);
    },
  };
}
