import { Transform } from 'class-transformer';
import { ValidateBy } from 'class-validator';
import type { ValidationOptions } from 'class-validator';
import { ERRORS } from './errors/errors.js';
import type { ErrorId } from './errors/errors.js';
import { failsAs } from './errors/validation.js';
import { isInstant } from './instants.js';

/** One line of text: at least one visible character, no control characters and no lone surrogates. */
export const TEXT_LINE = /^(?=.*\S)[^\p{Cc}\p{Cs}]+$/u;
/**
 * Text of one or more lines: at least one visible character, no lone surrogates and no other control characters than
 * tabs and line breaks.
 */
export const TEXT = /^(?=[^]*\S)(?:[^\p{Cc}\p{Cs}]|[\t\r\n])+$/u;

/** Reports a broken rule of a DTO with this error id and its default description. */
export function fails(id: ErrorId): ValidationOptions {
  return failsAs(id, ERRORS[id].description.replace(/\.$/, ''));
}

/** Reads an empty form field as `null`. */
export function EmptyIsNull(): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) => (value === '' ? null : value));
}

/** Reads `true`, `false`, `1` and `0`, as forms and JSON write them (docs/api.md, section 2.2). */
export function ToBoolean(): PropertyDecorator {
  const values = new Map<unknown, boolean>([
    ['true', true],
    ['1', true],
    [1, true],
    ['false', false],
    ['0', false],
    [0, false],
  ]);
  return Transform(({ value }: { value: unknown }) => values.get(value) ?? value);
}

/**
 * Reads a list of strings: a string or an array in JSON; in a form, one field for each string. An empty field or `null`
 * is an empty list.
 */
export function ToList(): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) => {
    if (value === '' || value === null) return [];
    return typeof value === 'string' ? [value] : value;
  });
}

/** Reads JSON as text. In a JSON body, the value may also be the object itself. */
export function ToJsonText(): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) ? JSON.stringify(value) : value,
  );
}

/** Requires an instant in ISO 8601 with a time zone. */
export function IsInstant(): PropertyDecorator {
  return ValidateBy(
    { name: 'isInstant', validator: { validate: isInstant } },
    { message: '$property must be an instant such as 2026-01-11T16:54:11Z' },
  );
}
