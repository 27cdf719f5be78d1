import { ValidateBy } from 'class-validator';
import type { ValidationOptions } from 'class-validator';

/** The longest language tag that RFC 5646, section 4.4.1, requires support for. */
const MAX_LOCALE = 35;

/** Checks a language tag (BCP 47). Clients may also write it with underscores. */
export function IsLocale(options: ValidationOptions): PropertyDecorator {
  return ValidateBy({ name: 'isLocale', validator: { validate: (value) => canonicalLocale(value) !== null } }, options);
}

/** Checks a time zone of the IANA database. */
export function IsTimeZone(options: ValidationOptions): PropertyDecorator {
  return ValidateBy({ name: 'isTimeZone', validator: { validate: isTimeZone } }, options);
}

/** The tag in the canonical form of BCP 47, or `null` if it is not valid. */
export function canonicalLocale(value: unknown): string | null {
  if (typeof value !== 'string' || value.length > MAX_LOCALE) return null;
  try {
    return Intl.getCanonicalLocales(value.replaceAll('_', '-'))[0] ?? null;
  } catch {
    return null;
  }
}

function isTimeZone(value: unknown): boolean {
  // Offsets such as +01:00 are not time zones, although newer engines accept them.
  if (typeof value !== 'string' || !/^[A-Za-z]/.test(value) || value.length > 64) return false;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: value }) instanceof Intl.DateTimeFormat;
  } catch {
    return false;
  }
}
