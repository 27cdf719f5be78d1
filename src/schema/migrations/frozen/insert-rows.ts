// Frozen: databases were made with it. A later change goes into a new file and a new migration.
import type { QueryRunner } from 'typeorm';

type Value = string | number | boolean | null;

/** Parameters of one statement, of which SQLite allows 32766 and PostgreSQL 65535. */
const MAX_PARAMETERS = 30_000;

/** Inserts many rows with few statements, past TypeORM's own, which takes ten times as long. */
export async function insertRows(
  runner: QueryRunner,
  table: string,
  columns: string[],
  rows: Value[][],
): Promise<void> {
  const isPostgres = runner.dataSource.options.type === 'postgres';
  const names = columns.map((column) => `"${column}"`).join(', ');
  const size = Math.floor(MAX_PARAMETERS / columns.length);
  for (let start = 0; start < rows.length; start += size) {
    const some = rows.slice(start, start + size);
    let number = 0;
    const tuples = some.map((row) => `(${row.map(() => (isPostgres ? `$${++number}` : '?')).join(', ')})`);
    const values = some.flat().map((value) => (typeof value === 'boolean' && !isPostgres ? Number(value) : value));
    await runner.query(`INSERT INTO "${table}" (${names}) VALUES ${tuples.join(', ')}`, values);
  }
}
