import { resolve } from 'node:path';
import type { DataSourceOptions } from 'typeorm';
import type { Settings } from '../config/settings.js';
import { ENTITIES } from './entities.js';
import { MIGRATIONS } from './migrations.js';
import { CONNECT_MS } from '../database/postgres-limits.js';
import { WAIT_MS } from '../database/sqlite.database.js';

/** Milliseconds after which Linux asks a peer that says nothing whether it is still there. */
const KEEP_ALIVE_MS = 5_000;

/** What one SQLite connection keeps in memory of the file; its own default of 2 MiB makes large transactions slow. */
const CACHE_KIB = 32 * 1024;

/** What the database is called to the operator: without a user, a password and settings of the connection. */
export function nameOfDatabase({ DATABASE_URL, DATABASE_PATH }: Settings): string {
  if (!DATABASE_URL) return `SQLite, ${resolve(DATABASE_PATH)}`;
  if (!URL.canParse(DATABASE_URL)) return 'PostgreSQL, DATABASE_URL';
  const { host, pathname } = new URL(DATABASE_URL);
  return `PostgreSQL, ${host}${pathname}`;
}

/** How to reach the database that the settings name: the same for the service, the command line and the migrations. */
export function dataSourceOptions(settings: Settings): DataSourceOptions {
  const common = { entities: ENTITIES, migrations: MIGRATIONS, synchronize: false, migrationsTableName: 'migrations' };
  if (settings.DATABASE_URL) {
    return {
      ...common,
      type: 'postgres',
      url: settings.DATABASE_URL,
      poolSize: settings.DATABASE_POOL_SIZE,
      connectTimeoutMS: CONNECT_MS,
      applicationName: 'latchkey',
      // The schema needs no extension, and creating one needs a right that an application should not have.
      installExtensions: false,
      extra: { keepAlive: true, keepAliveInitialDelayMillis: KEEP_ALIVE_MS },
    };
  }
  return {
    ...common,
    type: 'better-sqlite3',
    database: settings.DATABASE_PATH,
    timeout: WAIT_MS,
    enableWAL: true,
    prepareDatabase: (connection: { pragma(text: string): unknown }) => {
      // An answer that was given must survive a power cut: WAL alone would only promise that with FULL.
      connection.pragma('synchronous = FULL');
      connection.pragma(`cache_size = -${CACHE_KIB}`);
    },
  };
}
