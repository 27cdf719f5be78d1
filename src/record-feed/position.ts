import { fromBytes, isLoginId, toBytes } from '../common/login-id.js';
import { notAPosition } from '../http/paging.js';

/** The kind of an event. Of two events at the same instant, the higher rank is the later one. */
export const RANK = { ISSUED: 0, STARTED: 1, OTHER: 2 } as const;

/** A place in the record: events are ordered by instant, then by rank, then by ID. */
export interface Position {
  at: Date;
  rank: number;
  id: string;
}

/** Orders positions as the record does, the oldest first. IDs of logins are text, and those of other events are numbers. */
export function oldestFirst(a: Position, b: Position): number {
  return (
    a.at.getTime() - b.at.getTime() ||
    a.rank - b.rank ||
    (a.rank === RANK.OTHER ? Number(a.id) - Number(b.id) : Number(a.id > b.id) - Number(a.id < b.id))
  );
}

/** No event has a larger number. */
const LAST_NUMBER = '9'.repeat(15);

/** The position after every event before an instant, and before every event at it. */
export function startOf(instant: Date): Position {
  return { at: new Date(instant.getTime() - 1), rank: RANK.OTHER, id: LAST_NUMBER };
}

/** The position after every event before this one. */
export function justBefore({ at, rank, id }: Position): Position {
  if (rank === RANK.OTHER) return { at, rank, id: String(Number(id) - 1) };
  const number = BigInt(`0x${toBytes(id).toString('hex')}`) - 1n;
  return { at, rank, id: fromBytes(Buffer.from(number.toString(16).padStart(32, '0'), 'hex')) };
}

/** A position as text. */
export function writePosition({ at, rank, id }: Position): string {
  return `${at.getTime()} ${rank} ${id}`;
}

const POSITION = /^(\d{1,14}) ([012]) ([\da-f-]{1,36})$/;
const NUMBER = /^\d{1,15}$/;

/** @throws DomainError `invalid_request` */
export function readPosition(text: string): Position {
  const [, at, rank, id] = POSITION.exec(text) ?? [];
  if (at === undefined || rank === undefined || id === undefined) throw notAPosition();
  const isOther = Number(rank) === RANK.OTHER;
  if (isOther ? !NUMBER.test(id) : !isLoginId(id)) throw notAPosition();
  return { at: new Date(Number(at)), rank: Number(rank), id };
}
