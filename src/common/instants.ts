/** ISO 8601 with a time zone. Without one, the instant would be ambiguous. */
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)$/;

export function isInstant(value: unknown): value is string {
  return typeof value === 'string' && INSTANT.test(value) && !Number.isNaN(Date.parse(value));
}

/** The whole second of an instant in ISO 8601. */
export function wholeSecondOf(text: string): Date {
  return new Date(Math.floor(Date.parse(text) / 1000) * 1000);
}

/** Why a right can't be given for a period at `now`, or `null` if it can. */
export function periodFault(validFrom: Date | null, validUntil: Date | null, now: Date): string | null {
  if (validUntil && validUntil <= now) return 'validUntil must be in the future. To end a right now, take it away.';
  if (validFrom && validUntil && validUntil <= validFrom) return 'validUntil must be after validFrom.';
  return null;
}
