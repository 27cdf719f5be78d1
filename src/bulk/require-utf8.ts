import { isUtf8 } from 'node:buffer';

const LINE_FEED = 0x0a;

/** Passes the bytes of a file on. @throws Error that names the first line that is not UTF-8 */
export async function* requireUtf8(file: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let lines = 0;
  let started: Buffer = Buffer.alloc(0);
  for await (const bytes of file) {
    // A line feed is never part of another character, so bytes that end with one contain whole characters only.
    const end = bytes.lastIndexOf(LINE_FEED) + 1;
    if (end > 0) {
      lines += requireLines(Buffer.concat([started, bytes.subarray(0, end)]), lines);
      started = bytes.subarray(end);
    } else started = Buffer.concat([started, bytes]);
    yield bytes;
  }
  requireLines(started, lines);
}

/** Checks the bytes and returns the number of their lines. */
function requireLines(bytes: Buffer, before: number): number {
  let lines = 0;
  for (let start = 0; start < bytes.length; lines++) {
    const end = bytes.indexOf(LINE_FEED, start) + 1 || bytes.length;
    if (!isUtf8(bytes.subarray(start, end)))
      throw new Error(
        `line ${before + lines + 1} is not UTF-8. Save the file as UTF-8, which spreadsheets call "CSV UTF-8".`,
      );
    start = end;
  }
  return lines;
}
