import { setTimeout } from 'node:timers/promises';
import type { OnApplicationShutdown } from '@nestjs/common';
import type BetterSqlite3 from 'better-sqlite3';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { lateError } from '../common/deadline.js';
import { Database } from './database.js';
import type { Load } from './database.js';
import type { Parameter, Statement } from './statement.js';
import { codeOf } from './unavailable.js';

/** Milliseconds for which a write waits for its turn and for SQLite's lock before it fails. */
export const WAIT_MS = 5_000;
/**
 * Milliseconds for which an attempt to write may block the process, the pause until the next attempt, and the time
 * limit.
 */
const BLOCKED_MS = 20;
const PAUSE_MS = 10;

interface PendingWrite {
  statement: Statement;
  parameters: Parameter[];
  resolve: (rows: never[]) => void;
  reject: (error: unknown) => void;
}

/**
 * SQLite has one writer at a time, and TypeORM has one connection, on which everything that runs during a transaction
 * becomes part of it. So there are two connections: one only reads, for repositories and hot reads; only this class
 * writes on the other one, one transaction after another.
 *
 * Single writes are committed in groups: all writes of one turn of the event loop share one transaction and so one
 * flush to the disk.
 */
export class SqliteDatabase extends Database implements OnApplicationShutdown {
  private readonly reads = new Map<Statement, BetterSqlite3.Statement>();
  private readonly writes = new Map<Statement, BetterSqlite3.Statement>();
  private readonly reading: BetterSqlite3.Database;
  private readonly writing: BetterSqlite3.Database;
  private readonly pending: PendingWrite[] = [];
  private writerIsFree: Promise<unknown> = Promise.resolve();
  /** Transactions that run or wait, one of which may be for all pending writes. */
  private transactions = 0;

  private constructor(
    reader: DataSource,
    private readonly writer: DataSource,
  ) {
    super();
    this.reading = handle(reader);
    this.writing = handle(writer);
    this.reading.pragma('query_only = ON');
    this.writing.pragma(`busy_timeout = ${BLOCKED_MS}`);
  }

  static async open(reader: DataSource): Promise<SqliteDatabase> {
    return new SqliteDatabase(reader, await new DataSource(reader.options).initialize());
  }

  get load(): Load {
    return { connections: { total: 0, idle: 0, waiting: 0 }, waitingWrites: this.pending.length + this.transactions };
  }

  isReadOnly(): Promise<null> {
    return Promise.resolve(null);
  }

  /** There is one writer at a time: whoever has the write lock knows that all earlier transactions have ended. */
  async oldestTransactionSeconds(): Promise<number> {
    await this.transaction(() => Promise.resolve());
    return 0;
  }

  async read<Row>(statement: Statement, parameters: Parameter[]): Promise<Row[]> {
    return run(prepared(this.reads, this.reading, statement), parameters);
  }

  write<Row>(statement: Statement, parameters: Parameter[]): Promise<Row[]> {
    return new Promise<Row[]>((resolve, reject) => {
      if (this.pending.push({ statement, parameters, resolve, reject }) === 1) {
        setImmediate(() => void this.whenFree((giveUpAt) => this.commitPending(giveUpAt)));
      }
    });
  }

  transaction<T>(work: (db: EntityManager) => Promise<T>): Promise<T> {
    const attempt = (): Promise<T> =>
      this.writer.transaction(async (db) => {
        // TypeORM begins a deferred transaction. If that began with a read, a later write would fail if another process
        // had written in between. This statement takes the write lock first and changes nothing.
        await db.query('DELETE FROM "migrations" WHERE 1 = 0');
        return work(db);
      });
    return this.whenFree((giveUpAt) => whenUnlocked(attempt, giveUpAt));
  }

  within<Row>(db: EntityManager, { sql }: Statement, parameters: Parameter[]): Promise<Row[]> {
    return db.query(sql, [bound(parameters)]);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.whenFree((giveUpAt) => this.commitPending(giveUpAt));
    await this.writer.destroy();
  }

  /** Runs work when it is its turn. Until `giveUpAt` it may wait, also for its turn. */
  private whenFree<T>(work: (giveUpAt: number) => Promise<T>): Promise<T> {
    const giveUpAt = performance.now() + WAIT_MS;
    this.transactions++;
    const done = this.writerIsFree.then(() => work(giveUpAt)).finally(() => this.transactions--);
    this.writerIsFree = done.catch(() => undefined);
    return done;
  }

  private async commitPending(giveUpAt: number): Promise<void> {
    if (this.pending.length === 0) return;
    try {
      await whenUnlocked(() => this.writing.exec('BEGIN IMMEDIATE'), giveUpAt);
    } catch (error) {
      for (const write of this.pending.splice(0)) write.reject(error);
      return;
    }
    this.commit(this.pending.splice(0));
  }

  /** Runs synchronously up to the commit, so that nothing else gets into the transaction. */
  private commit(batch: PendingWrite[]): void {
    const answers: (() => void)[] = [];
    try {
      for (const write of batch) answers.push(this.attempt(write));
      this.writing.exec('COMMIT');
    } catch (error) {
      if (this.writing.inTransaction) this.writing.exec('ROLLBACK');
      for (const write of batch) write.reject(error);
      return;
    }
    for (const answer of answers) answer();
  }

  /**
   * Runs one statement. If it fails, only this statement is undone, unless the engine has given up the whole
   * transaction.
   */
  private attempt({ statement, parameters, resolve, reject }: PendingWrite): () => void {
    try {
      const rows = run<never>(prepared(this.writes, this.writing, statement), parameters);
      return () => resolve(rows);
    } catch (error) {
      if (!this.writing.inTransaction) throw error;
      return () => reject(error);
    }
  }
}

/** Tries again while another process holds the write lock. In between, this process goes on answering reads. */
async function whenUnlocked<T>(attempt: () => T | Promise<T>, giveUpAt: number): Promise<T> {
  let failure: unknown = lateError();
  while (performance.now() < giveUpAt) {
    try {
      return await attempt();
    } catch (error) {
      if (codeOf(error) !== 'SQLITE_BUSY') throw error;
      failure = error;
    }
    await setTimeout(PAUSE_MS);
  }
  throw failure;
}

function handle(dataSource: DataSource): BetterSqlite3.Database {
  return (dataSource.driver as unknown as { databaseConnection: BetterSqlite3.Database }).databaseConnection;
}

function prepared(
  cache: Map<Statement, BetterSqlite3.Statement>,
  connection: BetterSqlite3.Database,
  statement: Statement,
): BetterSqlite3.Statement {
  let found = cache.get(statement);
  if (!found) {
    found = connection.prepare(withStablePlan(statement.sql));
    cache.set(statement, found);
  }
  return found;
}

/** A parameter that a column is compared with, and one that limits the number of rows. */
const PLANNED_PARAMETER = /(?<=[=<>] |LIMIT )\$\d+/g;

/**
 * Hides from SQLite that its plan could depend on a parameter. The driver clears the parameters after each call, and
 * SQLite then compiles such a statement anew, which takes several times as long as running it. It never plans by the
 * value of a subquery.
 */
function withStablePlan(sql: string): string {
  return sql.replaceAll(PLANNED_PARAMETER, '(SELECT $&)');
}

/** The rows of a statement. The driver needs to know which statements return any. */
function run<Row>(statement: BetterSqlite3.Statement, parameters: Parameter[]): Row[] {
  const values = bound(parameters);
  if (statement.reader) return statement.all(values) as Row[];
  statement.run(values);
  return [];
}

/** Parameters in SQLite's form: `$1` has the name `1`, booleans are numbers, and instants are text. */
function bound(parameters: Parameter[]): Record<number, string | number | Buffer | null> {
  const named: Record<number, string | number | Buffer | null> = {};
  parameters.forEach((value, index) => {
    named[index + 1] =
      value instanceof Date
        ? value.toISOString().replace('T', ' ').slice(0, -1)
        : typeof value === 'boolean'
          ? Number(value)
          : value;
  });
  return named;
}
