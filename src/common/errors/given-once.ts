import { DomainError } from './errors.js';

/**
 * The error for a parameter that was given twice. A query, a form or JSON then has an array where one value is
 * expected.
 */
export function givenTwice(name: string): DomainError {
  return new DomainError('invalid_request', `${name} was given twice, or as a list. Give it once.`, {
    members: { field: name },
  });
}

/**
 * Checks fields that no DTO describes. @throws DomainError `invalid_request` for a parameter that was given twice
 * (docs/api.md, section 2.2)
 */
export function requireGivenOnce(fields: Record<string, unknown>, ...names: string[]): void {
  const twice = names.find((name) => Array.isArray(fields[name]));
  if (twice !== undefined) throw givenTwice(twice);
}
