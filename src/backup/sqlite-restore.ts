import { createReadStream, createWriteStream, existsSync, linkSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import BetterSqlite3 from 'better-sqlite3';
import type { Settings } from '../config/settings.js';
import type { Effects } from '../rights/revocation.service.js';
import { MIGRATIONS } from '../schema/migrations.js';
import { revokeAllIn } from './revoke-all-in.js';
import type { OnProgress } from './sqlite-backup.js';
import { lock, removingUnfinished, requireIntact, SIDE_FILES, sync, syncDirectoryOf } from './sqlite-files.js';

/** Tables that a database of Latchkey has. */
const TABLES = ['migrations', 'signing_keys', 'login_tokens'];

interface Options {
  /** Whether the database that is there may be replaced. */
  replace: boolean;
  onProgress: OnProgress;
}

export interface Restored {
  /** What was revoked. */
  effects: Effects;
  /** Where the database is that was replaced; `null` if there was none. */
  kept: string | null;
}

/**
 * Puts a backup in the place of the database. Everything is done on a copy beside it, also the revocation, so that the
 * service never sees the state of the backup without it, and so that the old database is in its place until the end.
 *
 * @throws Error if the database is in use, or the file is no good. Nothing has changed then
 */
export async function restore(settings: Settings, file: string, { replace, onProgress }: Options): Promise<Restored> {
  const path = settings.DATABASE_PATH;
  requireBackup(file, path);
  const isThere = existsSync(path) && statSync(path).size > 0;
  if (isThere && !replace)
    throw new Error(
      `There is a database at ${path}. With --replace, the backup takes its place, and it is kept beside it.`,
    );
  mkdirSync(dirname(path), { recursive: true });
  const locked = isThere ? lock(path) : null;
  const copy = `${path}.restoring`;
  try {
    return await removingUnfinished(copy, async () => {
      await copyFile(file, copy, onProgress);
      onProgress('checking', 0, 1);
      requireIntact(copy, file);
      requireOurs(copy, file);
      onProgress('revoking', 0, 1);
      const effects = await revokeAllIn(settings, copy);
      requireIntact(copy, file);
      sync(copy);
      return { effects, kept: takePlace(copy, path, isThere) };
    });
  } finally {
    locked?.close();
  }
}

function requireBackup(file: string, path: string): void {
  const { ino, dev } = statSync(file);
  if (existsSync(`${file}-wal`))
    throw new Error(
      `${file} is a database in use, because ${file}-wal is beside it. Restore a file that \`latchkey backup\` has made.`,
    );
  if (!existsSync(path)) return;
  const database = statSync(path);
  if (database.ino === ino && database.dev === dev) throw new Error(`${file} is the database itself.`);
}

async function copyFile(file: string, copy: string, onProgress: OnProgress): Promise<void> {
  const { size } = statSync(file);
  let done = 0;
  await pipeline(
    createReadStream(file, { highWaterMark: 1024 * 1024 }),
    async function* count(chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        onProgress('copying', (done += chunk.length), size);
        yield chunk;
      }
    },
    createWriteStream(copy, { flags: 'wx', mode: 0o600 }),
  );
}

/** Checks that the file is a database of this version of Latchkey or an earlier one. */
function requireOurs(copy: string, file: string): void {
  const connection = new BetterSqlite3(copy, { readonly: true });
  try {
    const tables = connection.prepare(`SELECT "name" FROM sqlite_schema WHERE "type" = 'table'`).pluck().all();
    if (!TABLES.every((table) => tables.includes(table))) throw new Error(`${file} is not a database of Latchkey.`);
    const known = new Set(MIGRATIONS.map(({ name }) => name));
    const newer = (connection.prepare(`SELECT "name" FROM "migrations" ORDER BY "id"`).pluck().all() as string[]).find(
      (name) => !known.has(name),
    );
    if (newer !== undefined)
      throw new Error(`${file} is of a newer version of Latchkey (${newer}). Restore it with that version.`);
  } finally {
    connection.close();
  }
}

/** Gives the copy the database's name, in one step. The old database gets a name beside it before. */
function takePlace(copy: string, path: string, isThere: boolean): string | null {
  const kept = `${path}.before-restore-${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}`;
  if (isThere) linkSync(path, kept);
  // SQLite would take what a killed process has left beside the old database for a part of the new one.
  for (const suffix of SIDE_FILES) if (existsSync(path + suffix)) renameSync(path + suffix, kept + suffix);
  renameSync(copy, path);
  syncDirectoryOf(path);
  return isThere ? kept : null;
}
