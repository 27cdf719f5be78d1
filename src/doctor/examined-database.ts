import { existsSync } from 'node:fs';
import BetterSqlite3 from 'better-sqlite3';
import { Client } from 'pg';
import { urlsOfHosts } from '../config/database-urls.js';
import type { Settings } from '../config/settings.js';
import { clientFor, PostgresHosts } from '../database/postgres-hosts.js';

/** Milliseconds that the database may take for a connection, and for each question. */
const PATIENCE_MS = 5_000;

/** A database that is only read. */
export interface ExaminedDatabase {
  isPostgres: boolean;
  /** The rows of a statement without parameters. */
  rows<Row extends object>(sql: string): Promise<Row[]>;
  close(): Promise<void>;
}

/** Opens the database for reading. It creates and migrates nothing. @throws Error of the driver */
export async function openForReading({ DATABASE_URL, DATABASE_PATH }: Settings): Promise<ExaminedDatabase> {
  if (DATABASE_URL) {
    const urls = urlsOfHosts(DATABASE_URL);
    // A single host is examined even if it is a standby.
    const HostClient = urls.length > 1 ? clientFor(new PostgresHosts(urls)) : Client;
    const client = new HostClient({
      connectionString: urls[0],
      connectionTimeoutMillis: PATIENCE_MS,
      query_timeout: PATIENCE_MS,
    });
    await client.connect();
    await client.query('SET default_transaction_read_only = on');
    return {
      isPostgres: true,
      rows: async <Row extends object>(sql: string) => (await client.query<Row>(sql)).rows,
      close: () => client.end(),
    };
  }
  if (!existsSync(DATABASE_PATH)) throw new Error(`there is no file ${DATABASE_PATH}`);
  const file = new BetterSqlite3(DATABASE_PATH, { readonly: true, timeout: PATIENCE_MS });
  return {
    isPostgres: false,
    rows: <Row extends object>(sql: string) => Promise.resolve(file.prepare(sql).all() as Row[]),
    close: () => Promise.resolve(void file.close()),
  };
}
