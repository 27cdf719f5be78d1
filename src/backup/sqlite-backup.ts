import { closeSync, existsSync, fdatasyncSync, openSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { removingUnfinished, requireIntact, sync, syncDirectoryOf } from './sqlite-files.js';

/** Pages of 4 KiB that are copied at once, and the milliseconds of rest afterwards: 20 MiB a second at most. */
const PAGES_PER_STEP = 256;
const REST_MS = 50;
/** Steps after which the copy is written to the disk. All at once, at the end, would hold up the service's commits. */
const STEPS_PER_SYNC = 8;

export type OnProgress = (phase: string, done: number, total: number) => void;

/**
 * Copies a database that may be in use. The file gets its name once it is complete, checked and on the disk. It has the
 * state at the start of the copying.
 *
 * @returns its size in bytes @throws Error if the file exists
 */
export async function backUp(database: string, file: string, onProgress: OnProgress): Promise<number> {
  if (existsSync(file)) throw new Error(`${file} exists already. Choose another name, or move it away.`);
  if (!existsSync(dirname(file))) throw new Error(`There is no directory ${dirname(file)}.`);
  const part = `${file}.part`;
  return removingUnfinished(part, async () => {
    closeSync(openSync(part, 'wx', 0o600));
    await copy(database, part, onProgress);
    onProgress('checking', 0, 1);
    requireIntact(part, 'The copy');
    sync(part);
    // Nothing may be beside a backup that the check has made a single file.
    renameSync(part, file);
    syncDirectoryOf(file);
    return statSync(file).size;
  });
}

/**
 * Copies page by page. The source's transaction stays open meanwhile: otherwise each write of the service would make
 * SQLite begin again.
 */
async function copy(database: string, part: string, onProgress: OnProgress): Promise<void> {
  const source = new BetterSqlite3(database, { fileMustExist: true });
  const written = openSync(part, 'r');
  let steps = 0;
  try {
    source.exec('BEGIN');
    source.prepare('SELECT COUNT(*) FROM sqlite_schema').get();
    await source.backup(part, {
      progress: ({ totalPages, remainingPages }) => {
        onProgress('copying', totalPages - remainingPages, totalPages);
        if (++steps % STEPS_PER_SYNC === 0) fdatasyncSync(written);
        rest(REST_MS);
        return PAGES_PER_STEP;
      },
    });
    // What the service has written meanwhile waits in the write-ahead log. The service should not have to move it.
    source.exec('COMMIT');
    source.pragma('wal_checkpoint(PASSIVE)');
  } finally {
    source.close();
    closeSync(written);
  }
}

/** Waits without giving the event loop a turn: the driver goes on with the next step at once. */
function rest(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
