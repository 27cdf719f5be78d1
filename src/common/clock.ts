import { Injectable } from '@nestjs/common';

/** The time, so that a test can move it. Nothing else in the service asks the system for it. */
@Injectable()
export class Clock {
  now(): Date {
    return new Date();
  }
}

export const SECONDS_PER_DAY = 24 * 60 * 60;

/** Seconds by which the clock of whoever made a token or an assertion may differ from ours. */
export const CLOCK_SKEW = 60;

/** Whole seconds since 1970, as JWT claims count them (RFC 7519, section 2, NumericDate). */
export function toNumericDate(instant: Date): number {
  return Math.floor(instant.getTime() / 1000);
}

/** ISO 8601 in UTC without fractions, the only form in which the API writes an instant: `2026-01-11T16:54:11Z`. */
export function toIso(instant: Date): string {
  return `${instant.toISOString().slice(0, 19)}Z`;
}

export function addSeconds(instant: Date, seconds: number): Date {
  return new Date(instant.getTime() + seconds * 1000);
}
