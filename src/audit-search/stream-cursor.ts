import { createHash } from 'node:crypto';
import { notAPosition } from '../http/paging.js';
import { readPosition, writePosition } from '../record-feed/position.js';
import type { Position } from '../record-feed/position.js';
import type { RecordedEvent } from '../record-feed/recorded-events.js';

/** What the next row has to know of a row. The receiver keeps it, so that every instance can go on. */
export interface StreamCursor {
  position: Position;
  /** 1 for the row with which the stream began. */
  sequence: number;
  /** SHA-256 of the row without its cursor, in hexadecimal. */
  hash: string;
}

/** What stands for the row before the first. */
const NOTHING = '0'.repeat(64);
const CURSOR = /^(.{1,60}) (\d{1,15}) ([\da-f]{64})$/;

/** @throws DomainError `invalid_request` */
export function readCursor(text: string): StreamCursor {
  const [, position, sequence, hash] = CURSOR.exec(Buffer.from(text, 'base64url').toString()) ?? [];
  if (position === undefined || sequence === undefined || hash === undefined) throw notAPosition();
  return { position: readPosition(position), sequence: Number(sequence), hash };
}

function writeCursor({ position, sequence, hash }: StreamCursor): string {
  return Buffer.from(`${writePosition(position)} ${sequence} ${hash}`).toString('base64url');
}

/**
 * The lines of events after a cursor, or from the beginning. Each has the hash of the one before, without its cursor:
 * a cursor has the hash of its own line.
 */
export function writeLines(events: RecordedEvent[], after?: StreamCursor): string {
  let [sequence, previous] = [after?.sequence ?? 0, after?.hash ?? NOTHING];
  const lines = events.map(({ event, at, rank, id }) => {
    const row = JSON.stringify({ ...event, sequence: ++sequence, previous });
    previous = createHash('sha256').update(row).digest('hex');
    const cursor = writeCursor({ position: { at, rank, id }, sequence, hash: previous });
    return `${row.slice(0, -1)},"cursor":"${cursor}"}\n`;
  });
  return lines.join('');
}
