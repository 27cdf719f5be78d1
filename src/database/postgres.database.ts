import type { DataSource, EntityManager } from 'typeorm';
import { Database } from './database.js';
import type { Load } from './database.js';
import { PostgresBatches } from './postgres-batches.js';
import { ANSWER_MS, letTransactionBeLong, limitTransaction } from './postgres-limits.js';
import type { ConnectionOptions } from './postgres-limits.js';
import type { DeadlinePool } from './postgres-pool.js';
import type { BatchForm, Parameter, Statement } from './statement.js';
import { isConnectionLost, isReadOnly } from './unavailable.js';

/** Milliseconds after which a statement is repeated on another connection. A statement of the hot path takes a few. */
const ATTEMPT_MS = 1_000;

const IS_READ_ONLY: Statement = {
  name: 'is_read_only',
  sql: `SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' AS "yes"`,
};

/**
 * Seconds after which a transaction that has not written yet won't write any more. A statement ends after 4 s, so only
 * transactions of somebody who reads are that old, such as a dump.
 */
const FIRST_WRITE_SECONDS = 10;

/** The activity of the server is no part of a snapshot. A transaction leaves it when others can see its rows. */
const OLDEST_TRANSACTION: Statement = {
  name: 'find_oldest_transaction',
  sql: `SELECT COALESCE(MAX(EXTRACT(EPOCH FROM clock_timestamp() - a."xact_start")), 0) AS "seconds"
        FROM "pg_stat_activity" a
        WHERE a."datname" = current_database() AND a."backend_type" = 'client backend' AND a."pid" <> pg_backend_pid()
          AND (a."backend_xid" IS NOT NULL OR a."xact_start" > clock_timestamp() - INTERVAL '${FIRST_WRITE_SECONDS} s')`,
};

/**
 * Runs each statement in one round trip, prepared once for each connection of TypeORM's pool. Statements stay unnamed
 * where PgBouncer may give the session to somebody else.
 */
export class PostgresDatabase extends Database {
  private readonly pool: DeadlinePool;
  private readonly isShared: boolean;
  private readonly batches = new Map<Statement, PostgresBatches>();

  constructor(private readonly dataSource: DataSource) {
    super();
    this.pool = (dataSource.driver as unknown as { master: DeadlinePool }).master;
    this.isShared = (dataSource.options as unknown as { extra: ConnectionOptions }).extra.isShared;
  }

  get load(): Load {
    const { totalCount, idleCount, waitingCount } = this.pool;
    return { connections: { total: totalCount, idle: idleCount, waiting: waitingCount }, waitingWrites: 0 };
  }

  async isReadOnly(): Promise<boolean> {
    try {
      const [row] = await this.repeat<{ yes: boolean }>(IS_READ_ONLY, []);
      return row!.yes;
    } catch (error) {
      // Most often no connection is made at all.
      if (isReadOnly(error)) return true;
      throw error;
    }
  }

  async oldestTransactionSeconds(): Promise<number> {
    const [row] = await this.repeat<{ seconds: number | string }>(OLDEST_TRANSACTION, []);
    return Number(row!.seconds);
  }

  read<Row>(statement: Statement, parameters: Parameter[]): Promise<Row[]> {
    return this.repeat(statement, parameters);
  }

  write<Row>(statement: Statement, parameters: Parameter[]): Promise<Row[]> {
    if (statement.batch) return this.batch(statement, statement.batch, parameters);
    if (statement.isRepeatable) return this.repeat(statement, parameters);
    return this.ask(statement, parameters, ANSWER_MS);
  }

  async transaction<T>(work: (db: EntityManager) => Promise<T>, { isLong = false } = {}): Promise<T> {
    try {
      return await this.dataSource.transaction(async (db) => {
        if (this.isShared) await limitTransaction(db);
        if (isLong) await letTransactionBeLong(db);
        return work(db);
      });
    } catch (error) {
      this.dropWhatIsLost(error);
      throw error;
    }
  }

  async within<Row>(db: EntityManager, { sql }: Statement, parameters: Parameter[]): Promise<Row[]> {
    // Without the last argument, an UPDATE or a DELETE would give its rows together with their number.
    const { records } = await db.queryRunner!.query(sql, parameters, true);
    return records as Row[];
  }

  /** Runs a call together with others of the same moment. */
  private batch<Row>(statement: Statement, form: BatchForm, parameters: Parameter[]): Promise<Row[]> {
    let batches = this.batches.get(statement);
    if (!batches) {
      const together = { name: `${statement.name}_batch`, sql: form.sql };
      batches = new PostgresBatches(form, (arrays) => this.ask(together, arrays, ATTEMPT_MS));
      this.batches.set(statement, batches);
    }
    return batches.run(parameters, () => this.repeat(statement, parameters)) as Promise<Row[]>;
  }

  /** Repeats a statement whose connection was lost or fell silent, so that the caller need not notice. */
  private async repeat<Row>(statement: Statement, parameters: Parameter[]): Promise<Row[]> {
    const startedAt = performance.now();
    try {
      return await this.ask(statement, parameters, ATTEMPT_MS);
    } catch (error) {
      const left = ANSWER_MS - (performance.now() - startedAt);
      if (!isConnectionLost(error) || left <= 0) throw error;
      return this.ask(statement, parameters, left);
    }
  }

  private async ask<Row>({ name, sql }: Statement, parameters: unknown[], limitMs: number): Promise<Row[]> {
    // node-postgres has this option for single statements, but not in its types. The pool ends a connection whose
    // statement failed.
    const query = {
      name: this.isShared ? undefined : name,
      text: sql,
      values: parameters,
      query_timeout: Math.ceil(limitMs),
    };
    try {
      const { rows } = await this.pool.query(query);
      return rows as Row[];
    } catch (error) {
      this.dropWhatIsLost(error);
      throw error;
    }
  }

  /**
   * Drops the idle connections after an error of one. They may be gone or read-only too, so the next statement gets a new
   * one.
   */
  private dropWhatIsLost(error: unknown): void {
    if (isConnectionLost(error)) this.pool.dropIdle();
  }
}
