import { Raw } from 'typeorm';
import type { FindOperator } from 'typeorm';
import { toIso } from '../common/clock.js';
import { DomainError } from '../common/errors/errors.js';
import { periodFault, wholeSecondOf } from '../common/instants.js';

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

/** A parameter of a query builder. TypeORM writes a number into the text of the statement, which would differ each time. */
export function bound(now: Date): string {
  return String(now.getTime());
}

/** The same as a condition of a repository. TypeORM writes a number into the SQL for SQLite, and a text as a parameter. */
export function validAt(now: Date): { validFrom: FindOperator<Date>; validUntil: FindOperator<Date> } {
  const validFrom = Raw<Date>((column) => hasBegun(column, ':validAt'), { validAt: bound(now) });
  return { validFrom, ...notEndedAt(now) };
}

/** A right that counts now or will later, as a condition of a repository. */
export function notEndedAt(now: Date): { validUntil: FindOperator<Date> } {
  return { validUntil: Raw<Date>((column) => hasNotEnded(column, ':notEndedAt'), { notEndedAt: bound(now) }) };
}

/** Whether there is a right that counts at `now`. */
export function isValid(period: Period | undefined, now: Date): boolean {
  return period !== undefined && (period.validFrom === null || period.validFrom <= now) && !hasEnded(period, now);
}

export function hasEnded({ validUntil }: Period, now: Date): boolean {
  return validUntil !== null && validUntil <= now;
}

/** Whether a right that ends at `until` lasts at least as long as one that ends at `other`. */
export function lastsAsLong(until: Date | null, other: Date | null): boolean {
  return until === null || (other !== null && until >= other);
}

/** A period as a call gives it: instants in ISO 8601, `null` for no limit, and `undefined` for what stays as it is. */
export interface GivenPeriod {
  validFrom?: string | null;
  validUntil?: string | null;
}

/**
 * The period of a right that is given at `now`, in whole seconds, as the API shows it. What is not given stays as it was
 * `before`, unless the right has ended: then it is given anew.
 *
 * @throws DomainError `invalid_period` if the right would end before it begins, or has ended already
 */
export function periodOf(given: GivenPeriod, before: Period | null, now: Date): Period {
  const base = before && !hasEnded(before, now) ? before : ALWAYS;
  const period = {
    validFrom: given.validFrom === undefined ? base.validFrom : readInstant(given.validFrom),
    validUntil: given.validUntil === undefined ? base.validUntil : readInstant(given.validUntil),
  };
  const fault = periodFault(period.validFrom, period.validUntil, now);
  if (fault !== null) throw new DomainError('invalid_period', fault);
  return period;
}

export function isSamePeriod(one: Period, other: Period): boolean {
  return (
    one.validFrom?.getTime() === other.validFrom?.getTime() && one.validUntil?.getTime() === other.validUntil?.getTime()
  );
}

/** The period as the API and the audit log write it. */
export function showPeriod({ validFrom, validUntil }: Period): { validFrom?: string; validUntil?: string } {
  return { ...(validFrom && { validFrom: toIso(validFrom) }), ...(validUntil && { validUntil: toIso(validUntil) }) };
}

function readInstant(text: string | null): Date | null {
  return text === null ? null : wholeSecondOf(text);
}
