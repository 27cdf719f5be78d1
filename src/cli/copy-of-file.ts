import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/**
 * Passes on a copy of the file with its size in bytes, and deletes it afterwards. A pipe can be read only once, and a
 * file can change between two readings. `-` is the standard input.
 */
export async function withCopyOf<T>(file: string, work: (copy: string, size: number) => Promise<T>): Promise<T> {
  if (file !== '-' && (await stat(file)).isDirectory()) throw new Error(`${file} is a directory.`);
  const directory = mkdtempSync(join(tmpdir(), 'latchkey-'));
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  // The copy holds names and addresses, so it is also deleted if the operator interrupts the command.
  process.once('exit', remove);
  process.once('SIGINT', () => process.exit(130));
  process.once('SIGTERM', () => process.exit(143));
  try {
    const copy = join(directory, 'copy');
    await pipeline(file === '-' ? process.stdin : createReadStream(file), createWriteStream(copy, { mode: 0o600 }));
    return await work(copy, (await stat(copy)).size);
  } finally {
    remove();
  }
}
