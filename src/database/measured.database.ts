import type { OnApplicationShutdown } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { databaseReadOnly, statementSeconds } from '../telemetry/metrics.js';
import type { Observer } from '../telemetry/series.js';
import { callCollected, collectFor } from './after-commit.js';
import { Database } from './database.js';
import type { Load } from './database.js';
import type { Parameter, Statement } from './statement.js';
import { isRefusedWrite } from './unavailable.js';

const TRANSACTION = statementSeconds('transaction');

/** The database of either engine, of which each statement is timed. */
export class MeasuredDatabase extends Database implements OnApplicationShutdown {
  private readonly seconds = new Map<Statement, Observer>();

  constructor(private readonly engine: Database & Partial<OnApplicationShutdown>) {
    super();
  }

  get load(): Load {
    return this.engine.load;
  }

  isReadOnly(): Promise<boolean | null> {
    return this.engine.isReadOnly();
  }

  oldestTransactionSeconds(): Promise<number> {
    return this.engine.oldestTransactionSeconds();
  }

  read<Row>(statement: Statement, parameters: Parameter[]): Promise<Row[]> {
    return timed(this.secondsOf(statement), () => this.engine.read<Row>(statement, parameters));
  }

  write<Row>(statement: Statement, parameters: Parameter[]): Promise<Row[]> {
    return noticed(timed(this.secondsOf(statement), () => this.engine.write<Row>(statement, parameters)));
  }

  transaction<T>(work: (db: EntityManager) => Promise<T>, options?: { isLong?: boolean }): Promise<T> {
    return noticed(timed(TRANSACTION, () => this.commit(work, options)));
  }

  within<Row>(db: EntityManager, statement: Statement, parameters: Parameter[]): Promise<Row[]> {
    return timed(this.secondsOf(statement), () => this.engine.within<Row>(db, statement, parameters));
  }

  async onApplicationShutdown(): Promise<void> {
    await this.engine.onApplicationShutdown?.();
  }

  private async commit<T>(work: (db: EntityManager) => Promise<T>, options?: { isLong?: boolean }): Promise<T> {
    let last: EntityManager;
    const done = await this.engine.transaction((db) => {
      last = db;
      collectFor(db);
      return work(db);
    }, options);
    callCollected(last!);
    return done;
  }

  private secondsOf(statement: Statement): Observer {
    let found = this.seconds.get(statement);
    if (!found) this.seconds.set(statement, (found = statementSeconds(statement.name)));
    return found;
  }
}

function timed<T>(seconds: Observer, work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  const answer = work();
  const observe = (): void => seconds.observe((performance.now() - startedAt) / 1000);
  answer.then(observe, observe);
  return answer;
}

/** Notices whether the database took what was written. */
function noticed<T>(answer: Promise<T>): Promise<T> {
  answer.then(
    () => databaseReadOnly.set(0),
    (error) => isRefusedWrite(error) && databaseReadOnly.set(1),
  );
  return answer;
}
