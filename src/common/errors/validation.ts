import { ValidationPipe } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { getMetadataStorage, validateSync } from 'class-validator';
import type { ValidationError, ValidationOptions } from 'class-validator';
import { DomainError } from './errors.js';
import type { ErrorId } from './errors.js';
import { givenTwice } from './given-once.js';

interface FailureContext {
  id: ErrorId;
}

/** Reports a broken rule of a DTO with this error id and description. The default id is `invalid_request`. */
export function failsAs(id: ErrorId, message: string): ValidationOptions {
  return { context: { id } satisfies FailureContext, message };
}

/** The pipe that validates every DTO. It drops unknown parameters (docs/api.md, section 2). */
export function validationPipe(): ValidationPipe {
  const validationError = { target: true };
  return new ValidationPipe({ whitelist: true, transform: true, validationError, exceptionFactory: toDomainError });
}

/** Validates fields that do not come from a request, by the rules of a DTO. @throws DomainError for the first fault */
export function toDto<Dto extends object>(type: new () => Dto, fields: object): Dto {
  const dto = plainToInstance(type, fields);
  const errors = validateSync(dto);
  if (errors.length > 0) throw toDomainError(errors);
  return dto;
}

/** Reports the first fault. A value of the wrong type is reported before a value that is not allowed. */
function toDomainError(errors: ValidationError[]): DomainError {
  const { property, value, constraints = {}, contexts = {} } = errors[0]!;
  if (Array.isArray(value) && !isList(errors[0]!)) return givenTwice(property);
  const contextOf = (rule: string): FailureContext | undefined => contexts[rule] as FailureContext | undefined;
  const rules = Object.keys(constraints);
  const rule = rules.find((candidate) => !contextOf(candidate)) ?? rules[0]!;
  const id = contextOf(rule)?.id ?? 'invalid_request';
  // The pattern in class-validator's message helps programs, not people.
  const description = constraints[rule]!.replace(/must match .* regular expression$/, 'is malformed');
  return new DomainError(id, `${description}.`, { members: { field: property } });
}

/** Whether the field of the DTO takes more than one value. */
function isList({ target, property }: ValidationError): boolean {
  const rules = getMetadataStorage().getTargetValidationMetadatas(target!.constructor, '', false, false);
  return rules.some(({ propertyName, name }) => propertyName === property && name === 'isArray');
}
