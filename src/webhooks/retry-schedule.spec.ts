import { expect, it } from '@jest/globals';
import { hasFailedForLong, pauseSeconds, readRetryAfter } from './retry-schedule.js';

const NOW = new Date('2026-01-11T16:54:11Z');

it('waits longer after each failure, up to a day, and about three days in all', () => {
  const pauses = Array.from({ length: 10 }, (_, index) => pauseSeconds(index + 1, null, 0));
  expect(pauses).toEqual([5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400, 86_400]);
  expect(pauses.slice(0, 9).reduce((sum, pause) => sum + pause, 0)).toBe(((3 * 24 + 3) * 60 + 35) * 60 + 5);
});

it('is late by up to a tenth, so that endpoints that failed together are not tried together', () => {
  expect(pauseSeconds(2, null, 1)).toBeCloseTo(330);
  expect(pauseSeconds(2, 60, 1)).toBeCloseTo(66);
});

it.each([
  { value: undefined, seconds: null },
  { value: 'soon', seconds: null },
  { value: '0', seconds: 1 },
  { value: '120', seconds: 120 },
  { value: '999999', seconds: 3600 },
  { value: 'Sun, 11 Jan 2026 16:55:11 GMT', seconds: 60 },
  { value: 'Sun, 11 Jan 2026 16:00:00 GMT', seconds: 1 },
])('reads Retry-After: $value as $seconds seconds', ({ value, seconds }) => {
  expect(readRetryAfter(value, NOW)).toBe(seconds);
});

it('gives up after three days', () => {
  expect(hasFailedForLong(new Date('2026-01-08T16:54:12Z'), NOW)).toBe(false);
  expect(hasFailedForLong(new Date('2026-01-08T16:54:11Z'), NOW)).toBe(true);
});
