import type BetterSqlite3 from 'better-sqlite3';
import type { QueryRunner } from 'typeorm';
import type { PostgresDataSourceOptions } from 'typeorm/driver/postgres/PostgresDataSourceOptions.js';
import type { Settings } from '../config/settings.js';
import { openDataSource } from '../database/open.js';
import { openUnlimited } from '../database/postgres-limits.js';
import { dataSourceOptions } from '../schema/data-source.js';
import { MIGRATIONS } from '../schema/migrations.js';
import { inputOf, selectTexts, textsOf } from './copied-columns.js';
import type { Column } from './copied-columns.js';
import { RowSum } from './row-sum.js';
import type { OnProgress } from './sqlite-backup.js';
import { lock } from './sqlite-files.js';

const ROWS_PER_STATEMENT = 5_000;
/** Tables that hold nothing but what the migrations of the target write there themselves. */
const OWN = new Set(['migrations', 'write_checks', 'server_histories']);

interface Table {
  name: string;
  columns: Column[];
  rows: number;
}

export interface Copied {
  tables: number;
  rows: number;
}

/**
 * Copies the SQLite database into an empty PostgreSQL database, in one transaction: if the copying is interrupted, no row
 * is left there, and it can be started again. At the end each table is read from PostgreSQL and compared.
 *
 * @throws Error if a process has the database open, its schema is not that of this version, or the target is not empty
 */
export async function copyToPostgres(settings: Settings, to: string, onProgress: OnProgress): Promise<Copied> {
  const source = lock(settings.DATABASE_PATH);
  if (!source) throw new Error(`The database ${settings.DATABASE_PATH} is damaged. Restore a backup of it first.`);
  try {
    requireThisVersion(source);
    return await copyInto({ ...settings, DATABASE_URL: to } as Settings, source, onProgress);
  } finally {
    source.close();
  }
}

async function copyInto(target: Settings, source: BetterSqlite3.Database, onProgress: OnProgress): Promise<Copied> {
  // The entities have the column types of the engine that the environment names.
  const options = { ...dataSourceOptions(target), entities: [] } as PostgresDataSourceOptions;
  const dataSource = await openUnlimited(options);
  const runner = dataSource.createQueryRunner();
  try {
    await requireEmpty(runner, source);
    await (await openDataSource(options)).destroy();
    await runner.startTransaction();
    const tables = await tablesOf(runner, source);
    for (const { name } of tables) await runner.query(`ALTER TABLE "${name}" DISABLE TRIGGER USER`);
    const copied = await copyTables(runner, source, tables, onProgress);
    for (const { name } of tables) await runner.query(`ALTER TABLE "${name}" ENABLE TRIGGER USER`);
    await runner.commitTransaction();
    await runner.query('ANALYZE');
    return copied;
  } finally {
    await runner.release();
    await dataSource.destroy();
  }
}

function requireThisVersion(source: BetterSqlite3.Database): void {
  const applied = new Set(source.prepare(`SELECT "name" FROM "migrations"`).pluck().all() as string[]);
  const missing = MIGRATIONS.find(({ name }) => !applied.has(name));
  if (missing)
    throw new Error(
      `The SQLite database is of an earlier version: it lacks ${missing.name}. Start this version of the service with it once, and stop it again.`,
    );
  if (applied.size > MIGRATIONS.length) throw new Error('The SQLite database is of a newer version of Latchkey.');
}

/** A copying that was interrupted has left tables without rows. */
async function requireEmpty(runner: QueryRunner, source: BetterSqlite3.Database): Promise<void> {
  const ours = new Set(namesOf(source));
  const there = (await runner.query(
    `SELECT table_name AS "name" FROM information_schema.tables WHERE table_schema = current_schema()`,
  )) as { name: string }[];
  for (const { name } of there) {
    const isEmpty =
      ours.has(name) && (OWN.has(name) || (await runner.query(`SELECT 1 FROM "${name}" LIMIT 1`)).length === 0);
    if (!isEmpty)
      throw new Error(
        `The target is not empty: it has the table ${name}${ours.has(name) ? ' with rows' : ''}. Copy into a new database (CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0).`,
      );
  }
}

function namesOf(source: BetterSqlite3.Database): string[] {
  return source
    .prepare(`SELECT "name" FROM sqlite_schema WHERE "type" = 'table' AND "name" NOT LIKE 'sqlite\\_%' ESCAPE '\\'`)
    .pluck()
    .all() as string[];
}

/** All tables with rows to copy, each after those that its foreign keys refer to. */
async function tablesOf(runner: QueryRunner, source: BetterSqlite3.Database): Promise<Table[]> {
  const columns = (await runner.query(
    `SELECT table_name AS "table", column_name AS "name", data_type AS "type" FROM information_schema.columns
     WHERE table_schema = current_schema() ORDER BY table_name, ordinal_position`,
  )) as (Column & { table: string })[];
  const references = (await runner.query(
    `SELECT f.relname AS "from", t.relname AS "to" FROM pg_constraint c
     JOIN pg_class f ON f.oid = c.conrelid JOIN pg_class t ON t.oid = c.confrelid
     WHERE c.contype = 'f' AND f.relnamespace = current_schema()::regnamespace`,
  )) as { from: string; to: string }[];
  const left = new Set(namesOf(source).filter((name) => !OWN.has(name)));
  const tables: Table[] = [];
  while (left.size > 0) {
    const next = [...left].find((name) => !references.some(({ from, to }) => from === name && left.has(to)));
    if (next === undefined) throw new Error(`Foreign keys refer to each other in a circle: ${[...left].join(', ')}.`);
    left.delete(next);
    const own = columns.filter(({ table }) => table === next);
    requireSameColumns(source, next, own);
    tables.push({
      name: next,
      columns: own,
      rows: source.prepare(`SELECT COUNT(*) FROM "${next}"`).pluck().get() as number,
    });
  }
  return tables;
}

function requireSameColumns(source: BetterSqlite3.Database, table: string, columns: Column[]): void {
  const there = (source.pragma(`table_info("${table}")`) as { name: string }[]).map(({ name }) => name).toSorted();
  const here = columns.map(({ name }) => name).toSorted();
  if (there.join() !== here.join()) throw new Error(`The table ${table} has other columns in PostgreSQL.`);
}

async function copyTables(
  runner: QueryRunner,
  source: BetterSqlite3.Database,
  tables: Table[],
  onProgress: OnProgress,
): Promise<Copied> {
  const total = tables.reduce((sum, { rows }) => sum + rows, 0);
  const sums = new Map<string, RowSum>();
  let done = 0;
  for (const table of tables)
    sums.set(
      table.name,
      await copyTable(runner, source, table, (rows) => onProgress('copying', (done += rows), total)),
    );
  done = 0;
  for (const table of tables) {
    const found = await sumOf(runner, table, (rows) => onProgress('comparing', (done += rows), total));
    const expected = sums.get(table.name)!;
    if (!found.equals(expected))
      throw new Error(
        `The table ${table.name} differs after the copying: ${expected.rows} rows in SQLite, ${found.rows} in PostgreSQL. Nothing was copied.`,
      );
  }
  return { tables: tables.length, rows: total };
}

async function copyTable(
  runner: QueryRunner,
  source: BetterSqlite3.Database,
  table: Table,
  onRows: (rows: number) => void,
): Promise<RowSum> {
  const { name, columns } = table;
  const list = columns.map((column) => `"${column.name}"`).join(', ');
  const insert = `INSERT INTO "${name}" (${list}) SELECT ${list} FROM json_populate_recordset(NULL::"${name}", $1)`;
  const sum = new RowSum();
  let batch: object[] = [];
  const flush = async (): Promise<void> => {
    if (batch.length === 0) return;
    await runner.query(insert, [JSON.stringify(batch)]);
    onRows(batch.length);
    batch = [];
  };
  for (const row of source.prepare(`SELECT ${list} FROM "${name}"`).raw().iterate()) {
    const texts = textsOf(columns, row as (string | number | Buffer | null)[]);
    sum.add(texts);
    if (batch.push(inputOf(columns, texts)) === ROWS_PER_STATEMENT) await flush();
  }
  await flush();
  await continueSequences(runner, source, table);
  return sum;
}

/** Lets the numbers that a database gives go on after the last one that SQLite has given. */
async function continueSequences(
  runner: QueryRunner,
  source: BetterSqlite3.Database,
  { name, columns }: Table,
): Promise<void> {
  const last = source.prepare(`SELECT "seq" FROM sqlite_sequence WHERE "name" = ?`).pluck().get(name);
  if (last === undefined) return;
  // It is 0 if rows were to be inserted, and there were none. PostgreSQL counts from 1.
  for (const column of columns)
    await runner.query(
      `SELECT setval(s."name", GREATEST($3::bigint, 1), $3::bigint > 0) FROM (SELECT pg_get_serial_sequence($1, $2) AS "name") s WHERE s."name" IS NOT NULL`,
      [`"${name}"`, column.name, last],
    );
}

async function sumOf(runner: QueryRunner, { name, columns }: Table, onRows: (rows: number) => void): Promise<RowSum> {
  const sum = new RowSum();
  const texts = `json_build_array(${selectTexts(columns)})::text`;
  await runner.query(`DECLARE copied NO SCROLL CURSOR FOR SELECT ${texts} AS "texts" FROM "${name}"`);
  for (;;) {
    const rows = (await runner.query(`FETCH ${ROWS_PER_STATEMENT} FROM copied`)) as { texts: string }[];
    if (rows.length === 0) break;
    for (const row of rows) sum.add(JSON.parse(row.texts) as (string | null)[]);
    onRows(rows.length);
  }
  await runner.query('CLOSE copied');
  return sum;
}
