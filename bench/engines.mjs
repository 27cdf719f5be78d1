// The database engines.
import { join } from 'node:path';

export const ENGINES = { sqlite, postgres };

/** One file for each server. */
async function sqlite(directory) {
  return {
    newDatabase: async (name) => ({ DATABASE_PATH: join(directory, `${name}.db`) }),
    stop: async () => {},
  };
}

/**
 * A PostgreSQL of our own. The package is imported only when it is needed, because it hooks into the end of the
 * process.
 */
async function postgres(directory) {
  const { startPostgres } = await import('../test/support/embedded-postgres.js');
  const { server, urlOf } = await startPostgres(join(directory, 'postgres'));
  return {
    newDatabase: async (name) => {
      await server.createDatabase(name);
      return { DATABASE_URL: urlOf(name) };
    },
    stop: () => server.stop(),
  };
}
