// Fills a database with logins that are long over, as if somebody had logged in a hundred times a second for hours.
// They are copies of logins that the service has recorded itself, with other IDs and earlier times, so that nothing
// here depends on more of the tables than this: the ID of a token begins with its time, and its session has the same.
import Database from 'better-sqlite3';
import { Client } from 'pg';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Older than any record is kept by default. */
const AGE_MS = 500 * DAY_MS;
const MS_PER_LOGIN = 10;
const TABLES = ['login_tokens', 'sessions'];
const LOGINS_PER_STATEMENT = 20_000;

/** Copies the logins of a database until it has so many old ones. Nothing else may use it meanwhile. */
export async function addOldLogins(database, count, say) {
  const engine = await open(database);
  const start = Date.now() - AGE_MS;
  const copies = [];
  for (const table of TABLES) {
    const columns = (await engine.columns(table)).filter((name) => name !== 'id');
    const values = columns.map((name) => (name.endsWith('_at') ? `t."${name}" - ${AGE_MS}` : `t."${name}"`));
    copies.push(
      (from, to) => `
        INSERT INTO "${table}" ("id", ${columns.map((name) => `"${name}"`).join(', ')})
        SELECT ${engine.id(`${start} + n.i * ${MS_PER_LOGIN}`, 'n.i')}, ${values.join(', ')}
        FROM ${engine.series(from, to)} n
        JOIN (SELECT *, ROW_NUMBER() OVER (ORDER BY "id") - 1 AS "nth" FROM "${table}" WHERE ${engine.isNew}) t
          ON t."nth" = n.i % (SELECT COUNT(*) FROM "sessions" WHERE ${engine.isNew})`,
    );
  }
  for (let from = 0; from < count; from += LOGINS_PER_STATEMENT) {
    const to = Math.min(from + LOGINS_PER_STATEMENT, count);
    for (const copy of copies) await engine.query(copy(from, to - 1));
    if (to % 200_000 === 0) say(`${to.toLocaleString('en')} old logins`);
  }
  await engine.finish();
}

/** The ID of the oldest token and of the oldest session as a text, and whether any of them is old. */
export async function oldestLogins(database) {
  const engine = await open(database);
  const found = [];
  for (const table of TABLES) found.push(await engine.query(`SELECT "id" FROM "${table}" ORDER BY "id" LIMIT 1`));
  const hasOld = [];
  for (const table of TABLES)
    hasOld.push(await engine.query(`SELECT "id" FROM "${table}" WHERE NOT (${engine.isNew}) ORDER BY "id" LIMIT 1`));
  await engine.close();
  return { oldest: JSON.stringify(found), remain: hasOld.some((rows) => rows.length > 0) };
}

function open(database) {
  return database.DATABASE_URL ? openPostgres(database.DATABASE_URL) : openSqlite(database.DATABASE_PATH);
}

/** Hexadecimal digits of the time at which new logins begin: nothing here takes a day. */
function newSince() {
  return (Date.now() - DAY_MS).toString(16).padStart(12, '0').padEnd(32, '0');
}

function openSqlite(path) {
  const sqlite = new Database(path);
  return {
    isNew: `"id" > x'${newSince()}'`,
    columns: (table) => sqlite.pragma(`table_info("${table}")`).map(({ name }) => name),
    // The digits after the time differ from row to row and have no order.
    id: (milliseconds, number) =>
      `unhex(printf('%012x7%03x8%015x', ${milliseconds}, ${number} % 4096, ${number} * 2654435761 % 1152921504606846976))`,
    series: (from, to) =>
      `(WITH RECURSIVE s(i) AS (SELECT ${from} UNION ALL SELECT i + 1 FROM s WHERE i < ${to}) SELECT i FROM s)`,
    query: (sql) => {
      const statement = sqlite.prepare(sql);
      return statement.reader ? statement.all() : statement.run();
    },
    finish: () => {
      sqlite.pragma('wal_checkpoint(TRUNCATE)');
      sqlite.close();
    },
    close: () => sqlite.close(),
  };
}

async function openPostgres(url) {
  const client = new Client({ connectionString: url });
  await client.connect();
  return {
    isNew: `"id" > '${newSince()}'::uuid`,
    columns: async (table) => {
      const { rows } = await client.query(
        `SELECT attname AS name FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped`,
        [table],
      );
      return rows.map(({ name }) => name);
    },
    id: (milliseconds, number) =>
      `(lpad(to_hex((${milliseconds})::bigint), 12, '0') || '7' || lpad(to_hex(${number} % 4096), 3, '0') || '8' ||
        lpad(to_hex(${number} * 2654435761 % 1152921504606846976), 15, '0'))::uuid`,
    series: (from, to) => `(SELECT i FROM generate_series(${from}::bigint, ${to}) i)`,
    query: async (sql) => (await client.query(sql)).rows,
    finish: async () => {
      // Autovacuum would run by itself, but in the middle of a measurement.
      await client.query('VACUUM ANALYZE');
      await client.end();
    },
    close: () => client.end(),
  };
}
