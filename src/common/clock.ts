import { Injectable } from '@nestjs/common';

/** The current time. The service reads the system clock nowhere else, so that a test can move it. */
@Injectable()
export class Clock {
  now(): Date {
    return new Date();
  }
}

export const SECONDS_PER_DAY = 24 * 60 * 60;

/** Tolerated difference, in seconds, between our clock and that of the issuer of a token or an assertion. */
export const CLOCK_SKEW = 60;

/** Whole seconds since 1970, as in the claims of a JWT (RFC 7519, section 2, NumericDate). */
export function toNumericDate(instant: Date): number {
  return Math.floor(instant.getTime() / 1000);
}

/** ISO 8601 in UTC, to the second. The API writes every instant in this form: `2026-01-11T16:54:11Z`. */
export function toIso(instant: Date): string {
  return `${instant.toISOString().slice(0, 19)}Z`;
}

export function addSeconds(instant: Date, seconds: number): Date {
  return new Date(instant.getTime() + seconds * 1000);
}
