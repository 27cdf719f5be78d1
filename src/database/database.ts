import type { EntityManager } from 'typeorm';
import type { Parameter, Statement } from './statement.js';

/**
 * The ways past TypeORM's repositories, which are otherwise used to read: single prepared
 * statements for the hot path, and transactions for everything that writes.
 */
export abstract class Database {
  /** Runs a statement that only reads. It sees what was committed before, and nothing else. */
  abstract read<Row>(statement: Statement, parameters: Parameter[]): Promise<Row[]>;

  /** Runs one writing statement on its own. When the promise resolves, what it wrote survives a power cut. */
  abstract write<Row>(statement: Statement, parameters: Parameter[]): Promise<Row[]>;

  /**
   * Runs `work` in one transaction: all of it is committed, or, when it throws, nothing. It may take 5 s, unless it
   * `isLong`: nobody waits for the answer then.
   */
  abstract transaction<T>(work: (db: EntityManager) => Promise<T>, options?: { isLong?: boolean }): Promise<T>;

  /** Runs one writing statement as a part of the transaction of `db`. Rows come back if it says RETURNING. */
  abstract within<Row>(db: EntityManager, statement: Statement, parameters: Parameter[]): Promise<Row[]>;
}

/** Reads an instant as it comes back from a raw statement: a `Date` on PostgreSQL, text on SQLite. */
export function toInstant(value: Date | string): Date {
  return value instanceof Date ? value : new Date(`${value.replace(' ', 'T')}Z`);
}
