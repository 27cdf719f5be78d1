import type { Pool } from 'pg';
import type { DataSource, EntityManager } from 'typeorm';
import { Database } from './database.js';
import type { Parameter, Statement } from './statement.js';

/** Each statement is prepared once for each connection of TypeORM's pool and is one round trip. */
export class PostgresDatabase extends Database {
  private readonly pool: Pool;

  constructor(private readonly dataSource: DataSource) {
    super();
    this.pool = (dataSource.driver as unknown as { master: Pool }).master;
  }

  async read<Row>(statement: Statement, parameters: Parameter[]): Promise<Row[]> {
    const { rows } = await this.pool.query({ name: statement.name, text: statement.sql, values: parameters });
    return rows as Row[];
  }

  write<Row>(statement: Statement, parameters: Parameter[]): Promise<Row[]> {
    return this.read(statement, parameters);
  }

  transaction<T>(work: (db: EntityManager) => Promise<T>): Promise<T> {
    return this.dataSource.transaction(work);
  }

  within<Row>(db: EntityManager, { sql }: Statement, parameters: Parameter[]): Promise<Row[]> {
    return db.query(sql, parameters);
  }
}
