// Migrates and fills the database that the environment names. A process of its own for each engine,
// because the entities decide on column types when they are loaded.
import 'reflect-metadata';
import { loadSettings } from '../dist/src/config/settings.js';
import { openDataSource } from '../dist/src/database/open.js';
import { dataSourceOptions } from '../dist/src/database/options.js';
import { rows } from './dataset.mjs';

const ROWS_PER_STATEMENT = 1000;

const dataSource = await openDataSource(dataSourceOptions(loadSettings(process.env)));
await dataSource.transaction(async (db) => {
  for (const [table, all] of Object.entries(rows())) {
    for (let start = 0; start < all.length; start += ROWS_PER_STATEMENT)
      await db.query(insert(table, all.slice(start, start + ROWS_PER_STATEMENT)));
  }
});
// Autovacuum would do it on its own, but in the middle of a measurement. SQLite has no such thing.
if (dataSource.options.type === 'postgres') await dataSource.query('VACUUM ANALYZE');
await dataSource.destroy();

/** With the values in the text: it is the same for both engines, and none of them comes from outside. */
function insert(table, some) {
  const columns = Object.keys(some[0]);
  const tuples = some.map((row) => `(${columns.map((column) => literal(row[column])).join(', ')})`);
  return `INSERT INTO "${table}" (${columns.map((column) => `"${column}"`).join(', ')}) VALUES ${tuples.join(', ')}`;
}

function literal(value) {
  return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value).toUpperCase();
}
