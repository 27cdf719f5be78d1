import { addSeconds, SECONDS_PER_DAY } from '../common/clock.js';

const MINUTE = 60;
const HOUR = 60 * MINUTE;

/** Seconds until the next attempt, after the first failure, the second, … (Standard Webhooks 1.0, "Deliverability"). */
const PAUSES = [5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];
/** A pause is longer by up to this part of it, so that endpoints that failed together are not tried together. */
const JITTER = 0.1;
/** Seconds for which an endpoint may fail before it is disabled. */
const MAX_FAILING_SECONDS = 3 * SECONDS_PER_DAY;
/** The longest pause in seconds that an endpoint may ask for. */
const MAX_ASKED_SECONDS = HOUR;

/** Seconds until an endpoint is tried again. `failures` counts those without a success in between. */
export function pauseSeconds(failures: number, askedSeconds: number | null, random = Math.random()): number {
  const pause = askedSeconds ?? PAUSES[Math.min(failures, PAUSES.length) - 1]!;
  return pause * (1 + JITTER * random);
}

/** Whether an endpoint that fails again has failed for so long that it gets nothing any more. */
export function hasFailedForLong(failingSince: Date, now: Date): boolean {
  return now >= addSeconds(failingSince, MAX_FAILING_SECONDS);
}

/** The pause in seconds that a `Retry-After` asks for (RFC 9110, section 10.2.3): from one second to an hour. */
export function readRetryAfter(value: string | undefined, now: Date): number | null {
  if (value === undefined) return null;
  const seconds = /^\d{1,9}$/.test(value) ? Number(value) : (Date.parse(value) - now.getTime()) / 1000;
  return Number.isNaN(seconds) ? null : Math.min(Math.max(seconds, 1), MAX_ASKED_SECONDS);
}
