#!/usr/bin/env node
// Appends the audit log to a file, an event a line, and goes on where the file ends. It runs until it is stopped.
// Usage: follow.mjs URL HEADERS FILE
//   URL      the address of Latchkey, such as https://login.example.com
//   HEADERS  a file with the line "Authorization: Bearer …", which is read again for each call
//   FILE     the file of events
import { appendFileSync, closeSync, fstatSync, ftruncateSync, openSync, readFileSync, readSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

const LONGEST_LINE_BYTES = 65_536;
const PAUSE_MS = 5_000;

const [url, headers, file] = process.argv.slice(2);
if (!file) throw new Error('Usage: follow.mjs URL HEADERS FILE');

/** The cursor of the last line. What a crash has left after it is cut off, and read again. */
function findCursor() {
  const handle = openSync(file, 'a+');
  try {
    const { size } = fstatSync(handle);
    const end = Buffer.alloc(Math.min(size, 2 * LONGEST_LINE_BYTES));
    readSync(handle, end, 0, end.length, size - end.length);
    const length = end.lastIndexOf('\n') + 1;
    ftruncateSync(handle, size - end.length + length);
    const last = end.subarray(0, length).toString().trimEnd().split('\n').at(-1);
    return last && JSON.parse(last).cursor;
  } finally {
    closeSync(handle);
  }
}

async function readNext(cursor) {
  const [, authorization] = /^authorization: *(.+)$/im.exec(readFileSync(headers, 'utf8'));
  const query = new URLSearchParams({ wait: '25', ...(cursor && { after: cursor }) });
  const response = await fetch(`${url}/api/2.1.1/audit/stream?${query}`, { headers: { authorization } });
  if (response.ok) return response.text();
  const text = await response.text();
  console.error(text);
  // Somebody has to decide how to go on: begin a new file, or give the permission.
  if (response.status === 400 || response.status === 403 || response.status === 410) process.exit(1);
  throw new Error(`The service answers ${response.status}.`);
}

for (;;) {
  try {
    appendFileSync(file, await readNext(findCursor()));
  } catch (error) {
    console.error(String(error));
    await setTimeout(PAUSE_MS);
  }
}
