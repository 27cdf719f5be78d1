import { existsSync, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Settings } from '../config/settings.js';
import { error, ok, warning } from './finding.js';
import type { Finding } from './finding.js';

const MIB = 1024 * 1024;
/** Free bytes under which the database may stop at any moment. */
const SCARCE = 64 * MIB;
/** Bytes of the write-ahead log that only a reader who does not end leaves. */
const LARGE_LOG = 1024 * MIB;
/** The bits of a mode that let others than the owner in. */
const OTHERS = 0o077;
const OTHERS_WRITE = 0o002;

/** The disk of a SQLite database. That of PostgreSQL is the server's. */
export async function examineDisk({ DATABASE_URL, DATABASE_PATH }: Settings): Promise<Finding[]> {
  if (DATABASE_URL || !existsSync(DATABASE_PATH)) return [];
  const { bavail, bsize } = await statfs(dirname(resolve(DATABASE_PATH)));
  return judgeDisk(bavail * bsize, statSync(DATABASE_PATH).size, sizeOf(`${DATABASE_PATH}-wal`));
}

/** What free bytes mean for a database and its write-ahead log of this size. */
export function judgeDisk(free: number, size: number, log: number): Finding[] {
  const text = `${mib(free)} are free, and the database has ${mib(size)}.`;
  const findings = [
    free < SCARCE
      ? error('disk', text, 'Free space now: without any, every login is refused.')
      : free < size
        ? warning('disk', text, 'A restore, or a backup on this disk, needs as much as the database has.')
        : ok('disk', text),
  ];
  if (log > LARGE_LOG)
    findings.push(
      warning(
        'disk',
        `The write-ahead log has ${mib(log)}.`,
        'A process has been reading for long, such as a backup or a program of somebody else. End it.',
      ),
    );
  return findings;
}

/** Files with secrets, and who may read them. */
export function examineFiles({ DATABASE_URL, DATABASE_PATH }: Settings, envFile?: string): Finding[] {
  if (process.platform === 'win32') return [];
  const directory = dirname(resolve(DATABASE_PATH));
  const secret = join(directory, 'development-secret');
  const files = [
    ...(DATABASE_URL ? [] : [DATABASE_PATH, `${DATABASE_PATH}-wal`]),
    secret,
    ...(envFile ? [envFile] : []),
  ];
  const open = files.filter((file) => existsSync(file) && (statSync(file).mode & OTHERS) !== 0);
  const findings = open.map((file) =>
    error('files', `Others than its owner may open ${file}.`, `Run: chmod 600 ${file}`),
  );
  if (!DATABASE_URL && existsSync(directory) && (statSync(directory).mode & OTHERS_WRITE) !== 0)
    findings.push(error('files', `Everybody may replace the files in ${directory}.`, `Run: chmod o-w ${directory}`));
  return findings.length > 0 ? findings : [ok('files', 'Only their owner may open the files with secrets.')];
}

function sizeOf(file: string): number {
  return existsSync(file) ? statSync(file).size : 0;
}

function mib(bytes: number): string {
  return `${Math.round(bytes / MIB).toLocaleString('en')} MiB`;
}
