import { ValidateBy } from 'class-validator';
import type { ValidationOptions } from 'class-validator';
import { canonicalLocale, isTimeZone } from '../../common/locales.js';

/** Checks a language tag (BCP 47). Clients may also write it with underscores. */
export function IsLocale(options: ValidationOptions): PropertyDecorator {
  return ValidateBy({ name: 'isLocale', validator: { validate: (value) => canonicalLocale(value) !== null } }, options);
}

/** Checks a time zone of the IANA database. */
export function IsTimeZone(options: ValidationOptions): PropertyDecorator {
  return ValidateBy({ name: 'isTimeZone', validator: { validate: isTimeZone } }, options);
}
