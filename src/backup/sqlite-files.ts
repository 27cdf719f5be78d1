import { closeSync, fsyncSync, openSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { codeOf } from '../database/unavailable.js';

/** What SQLite writes beside a database. */
export const SIDE_FILES = ['-wal', '-shm', '-journal'];

/**
 * Makes a database a single file again, and checks all of its pages, rows and indexes. `name` is what the operator calls
 * it. @throws Error if anything is wrong with it
 */
export function requireIntact(path: string, name: string): void {
  let fault: string;
  try {
    const connection = new BetterSqlite3(path, { fileMustExist: true });
    try {
      connection.pragma('journal_mode = DELETE');
      const [first] = connection.pragma('integrity_check(1)') as { integrity_check: string }[];
      fault = first!.integrity_check;
    } finally {
      connection.close();
    }
  } catch (error) {
    if (!codeOf(error).startsWith('SQLITE_')) throw error;
    fault = (error as Error).message;
  }
  if (fault !== 'ok') throw new Error(`${name} is damaged, or no SQLite database: ${fault}.`);
}

/**
 * Keeps every other process out of a database until the connection is closed, and makes it a single file. Nobody can use
 * a damaged database, and it can't be locked: `null`. @throws Error if a process has it open
 */
export function lock(path: string): BetterSqlite3.Database | null {
  const connection = new BetterSqlite3(path, { timeout: 0 });
  try {
    // Fails unless this is the only connection.
    connection.pragma('journal_mode = DELETE');
    connection.pragma('locking_mode = EXCLUSIVE');
    connection.exec('BEGIN EXCLUSIVE');
    return connection;
  } catch (error) {
    connection.close();
    if (/^SQLITE_(BUSY|LOCKED)/.test(codeOf(error)))
      throw new Error(`A process has the database ${path} open. Stop the service, and every command that uses it.`, {
        cause: error,
      });
    if (/^SQLITE_(NOTADB|CORRUPT|IOERR)/.test(codeOf(error))) return null;
    throw error;
  }
}

/** Makes sure that the file, or the names in the directory, would survive a power cut. */
export function sync(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Makes sure that the names of the files beside this one would survive a power cut. */
export function syncDirectoryOf(path: string): void {
  sync(dirname(path));
}

/** Removes a database and what is beside it. */
export function removeDatabase(path: string): void {
  for (const suffix of ['', ...SIDE_FILES]) rmSync(`${path}${suffix}`, { force: true });
}

/** Runs `work`, and removes the unfinished database afterwards, also if the operator interrupts it. */
export async function removingUnfinished<T>(path: string, work: () => Promise<T>): Promise<T> {
  const remove = (): void => removeDatabase(path);
  remove();
  process.once('exit', remove);
  process.once('SIGINT', () => process.exit(130));
  process.once('SIGTERM', () => process.exit(143));
  try {
    return await work();
  } finally {
    remove();
    process.off('exit', remove);
  }
}
