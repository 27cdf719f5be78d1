import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { DataSourceOptions } from 'typeorm';
import type { PostgresDataSourceOptions } from 'typeorm/driver/postgres/PostgresDataSourceOptions.js';
import { StartError } from '../config/start-error.js';
import { limitsOf, openLimited, openUnlimited, wrongSettings } from './postgres-limits.js';
import { codeOf, isDatabaseUnavailable, isReadOnly } from './unavailable.js';

const logger = new Logger('Database');

/** The number of an advisory lock. It is arbitrary, but must be unique within the database. */
const MIGRATION_LOCK = 7_226_201;
const CONNECT_ATTEMPTS = 5;
const CONNECT_PAUSE_MS = 2_000;
/**
 * Milliseconds after which a SQLite file that another process keeps locked is given up, and the pause between two
 * attempts.
 */
const LOCKED_MS = 60_000;
const PAUSE_MS = 100;

/**
 * Opens the database and migrates its schema. If several instances start at once, one migrates and the others wait for
 * it.
 */
export async function openDataSource(options: DataSourceOptions): Promise<DataSource> {
  const migrating = await openAny(options);
  try {
    if (options.type === 'postgres') await requireUsable(migrating);
    await migrate(migrating);
  } finally {
    await migrating.destroy();
  }
  // Only migrations may run without time limits.
  if (options.type !== 'postgres') return new DataSource(options).initialize();
  return openLimited(options, limitsOf(migrating));
}

/** @throws StartError if the database can't store every text, or a pool in between leaves it settings that we can't use */
async function requireUsable(dataSource: DataSource): Promise<void> {
  const [row] = (await dataSource.query(
    `SELECT current_setting('server_encoding') AS "encoding", current_database() AS "name"`,
  )) as { encoding: string; name: string }[];
  const { encoding, name } = row!;
  if (encoding !== 'UTF8')
    throw new StartError(
      `The database ${name} has the encoding ${encoding}, but Latchkey needs UTF8. Create another database: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0`,
    );
  const cures = await wrongSettings(dataSource);
  if (cures.length > 0)
    throw new StartError(
      `DATABASE_URL points to a connection pool that does not pass on settings. Run this first: ${cures.join('; ')}`,
    );
}

function openAny(options: DataSourceOptions): Promise<DataSource> {
  if (options.type === 'postgres') return connect(options);
  return whenUnlocked(options.database as string, () => openFile(options));
}

async function openFile(options: DataSourceOptions): Promise<DataSource> {
  try {
    makeFile(options.database as string);
    return await new DataSource(options).initialize();
  } catch (error) {
    if (codeOf(error) === 'SQLITE_BUSY') throw error;
    throw new StartError(
      `DATABASE_PATH=${String(options.database)} can't be used: ${(error as Error).message}. It must be a SQLite file, or a path where one can be created. The user that runs Latchkey needs write access to the file and its directory.`,
    );
  }
}

/** Whether the database exists and was made by Latchkey. It creates nothing. */
export async function isDatabaseThere(options: DataSourceOptions): Promise<boolean> {
  if (options.type === 'better-sqlite3' && !existsSync(options.database)) return false;
  const dataSource = await openAny(options);
  const runner = dataSource.createQueryRunner();
  try {
    return await runner.hasTable('migrations');
  } finally {
    await runner.release();
    await dataSource.destroy();
  }
}

/**
 * Creates the SQLite file for its owner only. SQLite would let everybody on the machine read it, and gives the files
 * beside it the same mode.
 */
function makeFile(path: string): void {
  if (path === ':memory:') return;
  mkdirSync(dirname(path), { recursive: true });
  closeSync(openSync(path, 'a', 0o600));
}

/** Connects to PostgreSQL. It tries again for a while, because the server may still be starting. */
async function connect(options: PostgresDataSourceOptions): Promise<DataSource> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await openUnlimited(options);
    } catch (error) {
      // A wrong user name or password (class 28), or an unknown database.
      if (/^(28...|3D000)$/.test(codeOf(error)))
        throw new StartError(`DATABASE_URL can't be used: ${(error as Error).message}`);
      if (!isDatabaseUnavailable(error)) throw error;
      if (attempt === CONNECT_ATTEMPTS)
        throw new StartError(
          isReadOnly(error)
            ? 'The database is read-only. Point DATABASE_URL to the primary, or set default_transaction_read_only = off.'
            : `The database can't be reached: ${detail(error)}. Check that PostgreSQL runs where DATABASE_URL says.`,
        );
      logger.warn(
        `${isReadOnly(error) ? 'The database is read-only' : "The database can't be reached"}. Trying again in ${CONNECT_PAUSE_MS / 1000} s (${attempt}) …`,
      );
      await setTimeout(CONNECT_PAUSE_MS);
    }
  }
}

/** Migrates under a lock: if several processes start at once, one migrates and the others find nothing left to do. */
async function migrate(dataSource: DataSource): Promise<void> {
  try {
    await (dataSource.options.type === 'postgres' ? migratePostgres(dataSource) : migrateSqlite(dataSource));
  } catch (error) {
    // Insufficient privilege.
    if (codeOf(error) !== '42501') throw error;
    throw new StartError(
      `The user in DATABASE_URL is not allowed to migrate the schema: ${(error as Error).message}. Make that user the owner of the database (ALTER DATABASE … OWNER TO …), or allow it to create tables (GRANT CREATE ON SCHEMA public TO …).`,
    );
  }
}

/** The description of a failed connection. The error for several addresses has no message of its own. */
function detail(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  return message || String(code);
}

/** Holds the lock for one transaction. A lock of the session would be lost if there is a connection pool in between. */
async function migratePostgres(dataSource: DataSource): Promise<void> {
  const runner = dataSource.createQueryRunner();
  try {
    await runner.startTransaction();
    for (const limit of ['lock_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout'])
      await runner.query(`SET LOCAL ${limit} = 0`);
    await runner.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
    await runPending(dataSource, 'each');
    await runner.commitTransaction();
  } finally {
    await runner.release();
  }
}

/** Takes the write lock, and does everything in one transaction on the only connection. */
async function migrateSqlite(dataSource: DataSource): Promise<void> {
  await whenUnlocked(dataSource.options.database as string, () => dataSource.query('BEGIN IMMEDIATE'));
  try {
    await runPending(dataSource, 'none');
    await dataSource.query('COMMIT');
  } catch (error) {
    await dataSource.query('ROLLBACK');
    throw error;
  }
}

/** Tries again while another process holds the lock. @throws StartError if that takes longer than a migration does */
async function whenUnlocked<T>(path: string, attempt: () => Promise<T>): Promise<T> {
  const giveUpAt = performance.now() + LOCKED_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (codeOf(error) !== 'SQLITE_BUSY') throw error;
      if (performance.now() > giveUpAt)
        throw new StartError(
          `DATABASE_PATH=${path} is locked by another process, which is still writing. Wait until it is done, or stop it.`,
        );
    }
    await setTimeout(PAUSE_MS);
  }
}

async function runPending(dataSource: DataSource, transaction: 'each' | 'none'): Promise<void> {
  for (const { name } of await dataSource.runMigrations({ transaction })) logger.log(`Migrated: ${name}`);
}
