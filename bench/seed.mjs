// Migrates the database of the environment, and fills it with as many users as the argument says. Each engine needs a
// process of its own, because the entities decide on column types when they are loaded.
import 'reflect-metadata';
import { DataSource } from 'typeorm';
import { loadSettings } from '../dist/src/config/settings.js';
import { openDataSource } from '../dist/src/database/open.js';
import { dataSourceOptions } from '../dist/src/schema/data-source.js';
import { tables } from './dataset.mjs';

const ROWS_PER_STATEMENT = 1000;
const ROWS_PER_TRANSACTION = 100_000;
const USERS = Number(process.argv[2]);

const options = dataSourceOptions(loadSettings(process.env));
await (await openDataSource(options)).destroy();
const dataSource = await new DataSource(options).initialize();
const isPostgres = options.type === 'postgres';
// The database is made anew each time, so nothing can be lost.
await dataSource.query(isPostgres ? 'SET synchronous_commit = off' : 'PRAGMA synchronous = OFF');
const indexes = await secondaryIndexes();
// An index on a full table is compact, and is built many times faster than row by row.
for (const { name } of indexes) await dataSource.query(`DROP INDEX "${name}"`);
for (const [table, rows] of Object.entries(tables(USERS))) await fill(table, rows);
for (const { definition } of indexes) await dataSource.query(definition);
// Autovacuum would run by itself, but in the middle of a measurement. SQLite has none.
if (isPostgres) await dataSource.query('VACUUM ANALYZE');
await dataSource.destroy();

async function fill(table, rows) {
  const batches = batchesOf(rows, ROWS_PER_STATEMENT);
  let written = 0;
  for (let batch = batches.next(); !batch.done;) {
    await dataSource.transaction(async (db) => {
      const end = written + ROWS_PER_TRANSACTION;
      for (; !batch.done && written < end; batch = batches.next()) {
        await db.query(insert(table, batch.value));
        written += batch.value.length;
      }
    });
    if (written >= ROWS_PER_TRANSACTION) process.stderr.write(`  ${table}: ${written.toLocaleString('en')} rows\n`);
  }
}

function* batchesOf(rows, size) {
  let batch = [];
  for (const row of rows) {
    if (batch.push(row) < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** The indexes that no constraint needs. A foreign key may need any unique index. */
function secondaryIndexes() {
  return dataSource.query(
    isPostgres
      ? `SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition FROM pg_index
         WHERE NOT indisunique AND (SELECT relnamespace FROM pg_class WHERE oid = indrelid) = current_schema()::regnamespace`
      : `SELECT name, sql AS definition FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND sql NOT LIKE 'CREATE UNIQUE%'`,
  );
}

/** The values are part of the text, which is then the same for both engines. None of them comes from outside. */
function insert(table, some) {
  const columns = Object.keys(some[0]);
  const tuples = some.map((row) => `(${columns.map((column) => literal(row[column])).join(', ')})`);
  return `INSERT INTO "${table}" (${columns.map((column) => `"${column}"`).join(', ')}) VALUES ${tuples.join(', ')}`;
}

function literal(value) {
  return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value).toUpperCase();
}
