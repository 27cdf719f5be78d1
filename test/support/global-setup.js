import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from './embedded-postgres.js';
import { PgBouncer } from './pgbouncer.js';

/** Sessions that PgBouncer has for each database: as many as one instance opens. */
const SESSIONS = 10;

/**
 * Starts a PostgreSQL of our own, unless TEST_DATABASE_URL names a running one; and with TEST_PGBOUNCER a PgBouncer in
 * front of it.
 */
export default async function setUp() {
  const url = process.env.TEST_DATABASE_URL ?? (await startOwn());
  process.env.TEST_POSTGRES = process.env.TEST_PGBOUNCER ? await startInFront(url) : url;
}

async function startOwn() {
  const directory = join(tmpdir(), `latchkey-postgres-${randomBytes(6).toString('hex')}`);
  const { server, urlOf } = await startPostgres(directory);
  globalThis.embeddedPostgres = server;
  return urlOf('postgres');
}

async function startInFront(url) {
  globalThis.pgBouncer = await PgBouncer.start(new URL(url), SESSIONS);
  return globalThis.pgBouncer.through(url);
}
