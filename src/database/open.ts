import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { DataSourceOptions } from 'typeorm';
import { StartError } from '../config/start-error.js';
import { limited } from './postgres-limits.js';
import { isDatabaseUnavailable } from './unavailable.js';

const logger = new Logger('Database');

/** Any number will do, as long as nothing else in the database takes the same advisory lock. */
const MIGRATION_LOCK = 7_226_201;
const CONNECT_ATTEMPTS = 5;
const CONNECT_PAUSE_MS = 2_000;
const ATTEMPTS = 10;
const PAUSE_MS = 500;

/**
 * Opens the database with its schema up to date. Several instances may start at once: one migrates,
 * the others wait for it.
 */
export async function openDataSource(options: DataSourceOptions): Promise<DataSource> {
  const migrating = await connect(options);
  try {
    await migrate(migrating);
  } finally {
    await migrating.destroy();
  }
  // Migrations may take their time; nothing else may.
  return new DataSource(options.type === 'postgres' ? limited(options) : options).initialize();
}

/** Whether the database is there and was made by Latchkey. Nothing is made. */
export async function isDatabaseThere(options: DataSourceOptions): Promise<boolean> {
  if (options.type === 'better-sqlite3' && !existsSync(options.database)) return false;
  const dataSource = await connect(options);
  const runner = dataSource.createQueryRunner();
  try {
    return await runner.hasTable('migrations');
  } finally {
    await runner.release();
    await dataSource.destroy();
  }
}

/** SQLite would let everybody on the machine read the file that it makes, and gives the files beside it the same mode. */
function makeFile(path: string): void {
  if (path === ':memory:') return;
  mkdirSync(dirname(path), { recursive: true });
  closeSync(openSync(path, 'a', 0o600));
}

/** A server may still be starting, as this service does. */
async function connect(options: DataSourceOptions): Promise<DataSource> {
  for (let attempt = 1; ; attempt++) {
    try {
      if (options.type === 'better-sqlite3') makeFile(options.database);
      return await new DataSource(options).initialize();
    } catch (error) {
      if (options.type === 'better-sqlite3')
        throw new StartError(`DATABASE_PATH=${options.database} can't be used: ${(error as Error).message}`);
      // A wrong user or password (class 28), or no such database.
      if (/^(28...|3D000)$/.test(String((error as { code?: unknown }).code)))
        throw new StartError(`DATABASE_URL can't be used: ${(error as Error).message}`);
      if (attempt === CONNECT_ATTEMPTS || !isDatabaseUnavailable(error)) throw error;
      logger.warn(`The database can't be reached. Trying again in ${CONNECT_PAUSE_MS / 1000} s (${attempt}) …`);
      await setTimeout(CONNECT_PAUSE_MS);
    }
  }
}

async function migrate(dataSource: DataSource): Promise<void> {
  if (dataSource.options.type === 'postgres') {
    const runner = dataSource.createQueryRunner();
    try {
      await runner.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
      await runPending(dataSource);
      await runner.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]);
    } finally {
      await runner.release();
    }
    return;
  }
  // SQLite has no such lock. Of two processes that migrate at once, the one that comes late finds
  // tables that it did not expect, and finds nothing left to do when it looks again.
  for (let attempt = 1; ; attempt++) {
    try {
      await runPending(dataSource);
      return;
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
      await setTimeout(PAUSE_MS);
    }
  }
}

async function runPending(dataSource: DataSource): Promise<void> {
  for (const { name } of await dataSource.runMigrations({ transaction: 'each' })) {
    logger.log(`Migrated: ${name}`);
  }
}
