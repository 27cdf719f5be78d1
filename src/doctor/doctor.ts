import type { Settings } from '../config/settings.js';
import { readSettings, SettingsError } from '../config/settings.js';
import { examineClock, examineHistory, examineKeys, examineRetention, examineSchema } from './database-checks.js';
import { examineConnections } from './connection-checks.js';
import { openForReading } from './examined-database.js';
import { examineDisk, examineFiles } from './file-checks.js';
import { error, ok } from './finding.js';
import type { Finding } from './finding.js';
import { examineProxies } from './proxy-checks.js';

/** Examines settings, database and surroundings of the service. It changes nothing. */
export async function examine(env: NodeJS.ProcessEnv, envFile?: string): Promise<Finding[]> {
  let settings: Settings;
  try {
    settings = readSettings(env);
  } catch (failure) {
    if (!(failure instanceof SettingsError)) throw failure;
    return failure.faults.map((fault) => error('settings', fault, 'Correct the variable: README.md lists them.'));
  }
  return [
    ok('settings', `All settings are right, for NODE_ENV=${settings.NODE_ENV}.`),
    ...(await examineDatabase(settings, Boolean(env.SECRET_KEY))),
    ...(await examineDisk(settings)),
    ...examineFiles(settings, envFile),
    ...(await examineProxies(settings)),
  ];
}

async function examineDatabase(settings: Settings, hasSecret: boolean): Promise<Finding[]> {
  let database;
  try {
    database = await openForReading(settings);
  } catch (failure) {
    return [
      error(
        'database',
        `The database can't be opened: ${(failure as Error).message || String(failure)}.`,
        'Check DATABASE_URL or DATABASE_PATH, that the server runs, and that its user may connect.',
      ),
    ];
  }
  try {
    const schema = await examineSchema(database);
    if (schema.some(({ level }) => level === 'error')) return schema;
    return [
      ...schema,
      ...(await examineKeys(database, settings, hasSecret)),
      ...(await examineClock(database)),
      ...(await examineRetention(database, settings)),
      ...(schema.every(({ level }) => level === 'ok') ? await examineHistory(database, settings) : []),
      ...(await examineConnections(database, settings)),
    ];
  } catch (failure) {
    return [
      error(
        'database',
        `The database did not answer: ${(failure as Error).message}.`,
        'Check that it is not damaged, and that its user may read the tables.',
      ),
    ];
  } finally {
    await database.close();
  }
}
