import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { loadSettings } from '../src/config/settings.js';
import { dataSourceOptions } from '../src/schema/data-source.js';
import { testEnvironment } from './support/app.js';
import { createDatabase, dropDatabase } from './support/database.js';

const DOCUMENT = readFileSync('docs/triggers.md', 'utf8');

let db: DataSource;

beforeAll(async () => {
  await createDatabase();
  db = await new DataSource(dataSourceOptions(loadSettings(testEnvironment()))).initialize();
});
afterAll(async () => {
  await db.destroy();
  await dropDatabase();
});

const SQLITE = `SELECT "sql" FROM "sqlite_master" WHERE "type" = 'trigger'`;
const POSTGRES = `
  SELECT 'CREATE FUNCTION ' || p.proname || '() RETURNS trigger LANGUAGE plpgsql AS $$' || p.prosrc || '$$' AS "sql"
  FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace AND p.prorettype = 'trigger'::regtype
  UNION ALL SELECT pg_get_triggerdef(t.oid, true) FROM pg_trigger t WHERE NOT t.tgisinternal`;

/** The statements of the block for an engine. An empty line ends each. */
function written(engine: string): string[] {
  return new RegExp(`## ${engine}\n[^]*?\`\`\`sql\n([^]*?)\`\`\``).exec(DOCUMENT)![1]!.split(/\n\n+/);
}

/** Sorted, and without what only the layout differs in. */
function normalized(statements: string[]): string[] {
  return statements
    .map((sql) =>
      sql
        .replaceAll(/\s+/g, ' ')
        .replaceAll(/ ?([()]) ?/g, '$1')
        .trim(),
    )
    .toSorted();
}

it('docs/triggers.md shows the triggers that the migrations make', async () => {
  await db.runMigrations({ transaction: 'each' });
  const isPostgres = db.options.type === 'postgres';
  const rows = await db.query<{ sql: string }[]>(isPostgres ? POSTGRES : SQLITE);
  expect(normalized(written(isPostgres ? 'PostgreSQL' : 'SQLite'))).toEqual(normalized(rows.map(({ sql }) => sql)));
});

it.each(['SQLite', 'PostgreSQL'])('the triggers of %s that record write nothing but the record', (engine) => {
  const recording = written(engine).filter((sql) => /^CREATE \w+ "?audit_(access|session)/.test(sql));
  expect(recording.length).toBeGreaterThan(0);
  const tables = [...recording.join('\n').matchAll(/^ *(?:INSERT INTO|UPDATE|DELETE FROM) "(\w+)"/gm)];
  expect(new Set(tables.map(([, table]) => table))).toEqual(new Set(['audit_events']));
});
