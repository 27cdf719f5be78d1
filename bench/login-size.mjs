// Bytes that a login takes in the database: the issued token, its session and what is recorded about both.
import Database from 'better-sqlite3';
import { Client } from 'pg';
import { setTimeout } from 'node:timers/promises';
import { accessPath, BROWSER } from './jobs.mjs';

const FIRST_LOGINS = 2_000;
const POLL_MS = 2_000;
/** What is recorded later, such as index entries, is complete once nothing has grown in so many polls. */
const CALM_POLLS = 5;
const MAX_POLLS = 150;

/**
 * Logs so many users in, as a host and a browser do, and returns the bytes that tables and indexes have grown for each
 * of them, in all and by name.
 *
 * @param {{ DATABASE_PATH?: string, DATABASE_URL?: string }} database
 * @returns {Promise<{ bytes: number, parts: [string, number][] }>}
 */
export async function measureLoginSize(database, server, { logins, connections }) {
  // Every table and index has its first pages now.
  await logIn(server, FIRST_LOGINS, connections);
  const before = await calmSizes(database);
  await logIn(server, logins, connections);
  const after = await calmSizes(database);
  const parts = [...after]
    .map(([name, size]) => [name, (size - (before.get(name) ?? 0)) / logins])
    .filter(([, bytes]) => bytes !== 0)
    .sort((a, b) => b[1] - a[1]);
  return { bytes: parts.reduce((sum, [, bytes]) => sum + bytes, 0), parts };
}

/** Logs users in, as a host and a browser do, on so many connections at once. */
export async function logIn({ url, bearer, users }, logins, connections) {
  let next = 0;
  const work = async () => {
    while (next < logins) {
      const path = accessPath(next++ % users);
      const issued = await fetch(url + path, { headers: { authorization: `Bearer ${bearer}` } });
      const { token } = await issued.json();
      const { status } = await fetch(`${url}/login?token=${token}`, { headers: BROWSER, redirect: 'manual' });
      if (status !== 303) throw new Error(`${url}/login should answer 303, but answered ${status}.`);
    }
  };
  await Promise.all(Array.from({ length: connections }, work));
}

/** Bytes of each table and index, once they no longer grow. */
async function calmSizes(database) {
  const sizes = database.DATABASE_URL ? postgresSizes : sqliteSizes;
  let [last, calm] = [await sizes(database), 0];
  for (let poll = 0; poll < MAX_POLLS; poll++) {
    await setTimeout(POLL_MS);
    const now = await sizes(database);
    calm = total(now) === total(last) ? calm + 1 : 0;
    last = now;
    if (calm === CALM_POLLS) return last;
  }
  throw new Error('The database does not stop growing.');
}

function total(sizes) {
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

/** Whole pages, without those that are free. */
async function sqliteSizes({ DATABASE_PATH }) {
  const sqlite = new Database(DATABASE_PATH, { readonly: true });
  try {
    return new Map(sqlite.prepare('SELECT name, SUM(pgsize) FROM dbstat GROUP BY name').raw().all());
  } finally {
    sqlite.close();
  }
}

async function postgresSizes({ DATABASE_URL }) {
  const client = new Client({ connectionString: DATABASE_URL });
  await client.connect();
  try {
    // pg_total_relation_size of the tables, by part.
    const { rows } = await client.query(
      `SELECT relname, pg_table_size(oid)::float8 AS size FROM pg_class
       WHERE relkind IN ('r', 'm', 'i') AND relnamespace = current_schema()::regnamespace`,
    );
    return new Map(rows.map(({ relname, size }) => [relname, size]));
  } finally {
    await client.end();
  }
}
