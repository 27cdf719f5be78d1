import { Raw } from 'typeorm';
import type { FindOperator } from 'typeorm';

/** When a membership, a permission or a right on a group counts. `null` is no limit. */
export interface Period {
  validFrom: Date | null;
  /** At this instant the right counts no longer. */
  validUntil: Date | null;
}

export const ALWAYS: Period = { validFrom: null, validUntil: null };

// The parameter stands first: SQLite would take a parameter after an operator for one that its plan depends on.
const hasBegun = (column: string, now: string): string => `(${column} IS NULL OR ${now} >= ${column})`;
const hasNotEnded = (column: string, now: string): string => `(${column} IS NULL OR ${now} < ${column})`;

/** Whether the right in the row `row` counts at `now`, in milliseconds since 1970. Both are SQL expressions. */
export function isValidAt(row: string, now: string): string {
  return `${hasBegun(`${row}."valid_from"`, now)} AND ${hasNotEnded(`${row}."valid_until"`, now)}`;
}

/** The same as a condition of a repository. */
export function validAt(now: Date): { validFrom: FindOperator<Date>; validUntil: FindOperator<Date> } {
  const validFrom = Raw<Date>((column) => hasBegun(column, ':validAt'), { validAt: now.getTime() });
  return { validFrom, ...notEndedAt(now) };
}

/** A right that counts now or will later, as a condition of a repository. */
export function notEndedAt(now: Date): { validUntil: FindOperator<Date> } {
  return { validUntil: Raw<Date>((column) => hasNotEnded(column, ':notEndedAt'), { notEndedAt: now.getTime() }) };
}

export function hasEnded({ validUntil }: Period, now: Date): boolean {
  return validUntil !== null && validUntil <= now;
}

/** Whether a right that ends at `until` lasts at least as long as one that ends at `other`. */
export function lastsAsLong(until: Date | null, other: Date | null): boolean {
  return until === null || (other !== null && until >= other);
}
