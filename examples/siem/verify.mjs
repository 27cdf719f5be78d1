#!/usr/bin/env node
// Verifies a file of the stream: no row is missing, and none has changed.
// Usage: verify.mjs FILE
//        verify.mjs FILE URL HEADERS
// The second form also reads the stream of URL again, from the first row of the file on, and compares it byte by byte:
// it shows what was removed from the record, or changed in it, after the file was written. HEADERS is a file with the
// line "Authorization: Bearer …".
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [file, url, headers] = process.argv.slice(2);
if (!file) fail('Usage: verify.mjs FILE [URL HEADERS]');

function fail(text) {
  console.error(text);
  process.exit(1);
}

/** The lines of the stream after a cursor, some thousand with each call. */
async function* readAgain(cursor) {
  const [, authorization] = /^authorization: *(.+)$/im.exec(readFileSync(headers, 'utf8'));
  for (;;) {
    const response = await fetch(`${url}/api/2.1.1/audit/stream?size=5000&after=${cursor}`, {
      headers: { authorization },
    });
    const text = await response.text();
    if (!response.ok) fail(`The stream can't be read again: ${text}`);
    if (text === '') return;
    const lines = text.trimEnd().split('\n');
    yield* lines;
    ({ cursor } = JSON.parse(lines.at(-1)));
  }
}

let rows = 0;
let first;
let previous;
let again;
for await (const line of createInterface({ input: createReadStream(file) })) {
  rows++;
  const row = JSON.parse(line);
  first ??= row.sequence;
  if (row.sequence !== first + rows - 1)
    fail(`Row ${first + rows - 1} is missing: line ${rows} of the file is row ${row.sequence}.`);
  if (previous !== undefined && row.previous !== previous) fail(`Row ${row.sequence - 1} has changed, or is missing.`);
  previous = createHash('sha256')
    .update(line.replace(/,"cursor":"[^"]*"}$/, '}'))
    .digest('hex');
  if (again) {
    const { value } = await again.next();
    if (value !== line)
      fail(
        `The record differs from row ${row.sequence} on. The file has:\n${line}\nThe record has:\n${value ?? 'nothing'}`,
      );
  } else if (url) again = readAgain(row.cursor);
}
console.log(`${rows} rows are complete and unchanged.`);
