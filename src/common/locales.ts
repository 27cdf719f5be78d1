/** The longest language tag that RFC 5646, section 4.4.1, requires support for. */
const MAX_LOCALE = 35;

/** The tag in the canonical form of BCP 47, or `null` if it is not valid. It may also be written with underscores. */
export function canonicalLocale(value: unknown): string | null {
  if (typeof value !== 'string' || value.length > MAX_LOCALE) return null;
  try {
    return Intl.getCanonicalLocales(value.replaceAll('_', '-'))[0] ?? null;
  } catch {
    return null;
  }
}

/** Whether a value names a time zone of the IANA database. */
export function isTimeZone(value: unknown): boolean {
  // Offsets such as +01:00 are not time zones, although newer engines accept them.
  if (typeof value !== 'string' || !/^[A-Za-z]/.test(value) || value.length > 64) return false;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: value }) instanceof Intl.DateTimeFormat;
  } catch {
    return false;
  }
}
