import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from './embedded-postgres.js';

/** Starts a PostgreSQL of our own, unless TEST_DATABASE_URL names a running one. */
export default async function setUp() {
  if (process.env.TEST_DATABASE_URL) {
    process.env.TEST_POSTGRES = process.env.TEST_DATABASE_URL;
    return;
  }
  const directory = join(tmpdir(), `latchkey-postgres-${randomBytes(6).toString('hex')}`);
  const { server, urlOf } = await startPostgres(directory);
  globalThis.embeddedPostgres = server;
  process.env.TEST_POSTGRES = urlOf('postgres');
}
