import type { EntityManager } from 'typeorm';
import type { Parameter, Statement } from './statement.js';

/** What an instance keeps the database busy with at the moment. */
export interface Load {
  /** Connections to PostgreSQL, those of them that nobody uses, and calls that wait for one. */
  connections: { total: number; idle: number; waiting: number };
  /** Writes that wait for SQLite's writer. */
  waitingWrites: number;
}

/**
 * Access to the database beside TypeORM's repositories, which are used for reading: prepared statements for the hot
 * path, and transactions for all writes.
 */
export abstract class Database {
  /** Set when the service stops: what runs in the background ends soon, and goes on after the next start. */
  isStopping = false;

  /** Runs a statement that only reads, on committed data. */
  abstract read<Row>(statement: Statement, parameters: Parameter[]): Promise<Row[]>;

  /**
   * Runs one writing statement in a transaction of its own. When the promise resolves, the data would survive a power
   * cut.
   */
  abstract write<Row>(statement: Statement, parameters: Parameter[]): Promise<Row[]>;

  /**
   * Runs `work` in one transaction. It is committed as a whole, or rolled back if `work` throws. It must end within 5
   * s, unless it `isLong`, for work whose answer nobody waits for.
   */
  abstract transaction<T>(work: (db: EntityManager) => Promise<T>, options?: { isLong?: boolean }): Promise<T>;

  abstract get load(): Load;

  /** Whether the database takes no writes now; `null` if only a write can show it. */
  abstract isReadOnly(): Promise<boolean | null>;

  /**
   * For how many seconds the oldest transaction has run that may still commit rows. Those that began earlier have ended,
   * and what they have committed is seen by every read from now on.
   */
  abstract oldestTransactionSeconds(): Promise<number>;

  /** Runs one writing statement in the transaction of `db`. It gives rows if it has a RETURNING clause. */
  abstract within<Row>(db: EntityManager, statement: Statement, parameters: Parameter[]): Promise<Row[]>;
}

/** Converts an instant from a raw statement: a `Date` on PostgreSQL, text on SQLite. */
export function toInstant(value: Date | string): Date {
  return value instanceof Date ? value : new Date(`${value.replace(' ', 'T')}Z`);
}

/** Converts milliseconds since 1970 from a raw statement: a number on SQLite, text on PostgreSQL. */
export function fromMilliseconds(value: number | string): Date {
  return new Date(Number(value));
}
