import { setTimeout } from 'node:timers/promises';
import BetterSqlite3 from 'better-sqlite3';
import { Client } from 'pg';
import { call } from './app.js';

/** A lock that blocks every write of sessions, in any process. */
export interface WriteLock {
  /** Resolves once the instance at `url` waits for the lock. */
  holdsUp(url: string): Promise<void>;
  /** Rolls back what waits for a process that is gone, as the database does once it notices. */
  forgetTheDead(): Promise<void>;
  release(): Promise<void>;
}

export function lockSessions(): Promise<WriteLock> {
  return process.env.DATABASE_URL
    ? lockPostgres(process.env.DATABASE_URL)
    : Promise.resolve(lockSqlite(process.env.DATABASE_PATH!));
}

function lockSqlite(path: string): WriteLock {
  const connection = new BetterSqlite3(path);
  connection.exec('BEGIN IMMEDIATE');
  return {
    // Reads are answered meanwhile. After a few of them, earlier requests have reached the lock.
    holdsUp: async (url) => {
      for (let i = 0; i < 5; i++) await call(url, '/health/live');
    },
    forgetTheDead: () => Promise.resolve(),
    release: async () => {
      connection.exec('ROLLBACK');
      connection.close();
    },
  };
}

const WAITING = `FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;

async function lockPostgres(connectionString: string): Promise<WriteLock> {
  const client = new Client({ connectionString });
  await client.connect();
  await client.query('BEGIN; LOCK TABLE "sessions" IN EXCLUSIVE MODE');
  return {
    holdsUp: async () => {
      while ((await client.query(`SELECT 1 ${WAITING}`)).rowCount === 0) {
        await setTimeout(10);
        // Otherwise a transaction sees the same activity until it ends.
        await client.query('SELECT pg_stat_clear_snapshot()');
      }
    },
    forgetTheDead: async () => {
      await client.query(`SELECT pg_terminate_backend(pid, 5000) ${WAITING}`);
    },
    release: async () => {
      await client.query('ROLLBACK');
      await client.end();
    },
  };
}
