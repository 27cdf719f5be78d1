import { DomainError } from './errors.js';

/** What a query, a form or JSON has where one value is expected: an array, for a parameter that was given twice. */
export function givenTwice(name: string): DomainError {
  return new DomainError('invalid_request', `${name} was given twice, or as a list. Give it once.`, {
    members: { field: name },
  });
}

/** For what no DTO checks. @throws DomainError `invalid_request` for a parameter that was given twice (docs/api.md, section 2.2) */
export function requireGivenOnce(fields: Record<string, unknown>, ...names: string[]): void {
  const twice = names.find((name) => Array.isArray(fields[name]));
  if (twice !== undefined) throw givenTwice(twice);
}
