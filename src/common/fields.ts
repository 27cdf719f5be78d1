import { Transform } from 'class-transformer';
import type { ValidationOptions } from 'class-validator';
import { ERRORS } from './errors/errors.js';
import type { ErrorId } from './errors/errors.js';
import { failsAs } from './errors/validation.js';

/** At least one visible character, and no control characters or halves of surrogate pairs. */
export const TEXT_LINE = /^(?=.*\S)[^\p{Cc}\p{Cs}]+$/u;
/** The same over several lines. */
export const TEXT = /^(?=[^]*\S)(?:[^\p{Cc}\p{Cs}]|[\t\r\n])+$/u;

/** The contract's error for a rule of a DTO, in the words of the table of errors. */
export function fails(id: ErrorId): ValidationOptions {
  return failsAs(id, ERRORS[id].description.replace(/\.$/, ''));
}

/** An empty value of a form stands for none; `null` does in JSON. */
export function EmptyIsNull(): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) => (value === '' ? null : value));
}

/** `true`, `false`, `1` and `0`, as forms and JSON write them (docs/api.md, section 2.2). */
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

/** A list of texts: one or more in JSON; in a form the field once for each, and an empty one for none. */
export function ToList(): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) => {
    if (value === '' || value === null) return [];
    return typeof value === 'string' ? [value] : value;
  });
}

/** JSON as a text; in a JSON body also the object itself. */
export function ToJsonText(): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) ? JSON.stringify(value) : value,
  );
}
