import { applyDecorators } from '@nestjs/common';
import { ApiExtraModels, ApiProperty, ApiResponse, getSchemaPath } from '@nestjs/swagger';
import { ERRORS } from '../common/errors/errors.js';
import type { ErrorId } from '../common/errors/errors.js';

/** The error object of the wire (docs/api.md, section 2.4). Some errors have further members. */
export class ErrorDto {
  @ApiProperty({ description: 'For programs.', example: 'unknown_user' })
  id: string;

  @ApiProperty({ description: 'For people.', example: 'No active user matches the given reference.' })
  description: string;
}

/** Errors that every call can answer with, in addition to its own. */
const EVERYWHERE: ErrorId[] = ['invalid_request', 'internal_error', 'unavailable'];
const WITH_TOKEN: ErrorId[] = ['not_authenticated', 'too_many_requests'];

/** Documents a route's errors: one response for each status, with an example for each error id. */
export function ApiErrors(...ids: ErrorId[]): MethodDecorator {
  return applyDecorators(
    ApiExtraModels(ErrorDto),
    ...[...byStatus(ids)].map(([status, group]) => errorResponse(status, group)),
  );
}

/** The error ids by status, with those that every call can answer with. */
export function byStatus(ids: ErrorId[]): Map<number, ErrorId[]> {
  const groups = new Map<number, ErrorId[]>();
  for (const id of new Set([...ids, ...EVERYWHERE])) {
    const status = ERRORS[id].status;
    groups.set(status, [...(groups.get(status) ?? []), id]);
  }
  return groups;
}

/** The OpenAPI responses for the errors of a route that has no controller. */
export function errorsOf(...ids: ErrorId[]): Record<string, object> {
  return Object.fromEntries(
    [...byStatus(ids)].map(([status, group]) => [
      String(status),
      {
        description: listErrors(group),
        content: {
          'application/json': { schema: { $ref: '#/components/schemas/Error' }, examples: examplesOf(group) },
        },
      },
    ]),
  );
}

/** Documents the errors of a route that is called with an access token. */
export function ApiBearerErrors(...ids: ErrorId[]): MethodDecorator {
  return ApiErrors(...ids, ...WITH_TOKEN);
}

function errorResponse(status: number, ids: ErrorId[]): MethodDecorator {
  return ApiResponse({
    status,
    description: listErrors(ids),
    content: { 'application/json': { schema: { $ref: getSchemaPath(ErrorDto) }, examples: examplesOf(ids) } },
    headers: responseHeaders(status),
  });
}

function listErrors(ids: ErrorId[]): string {
  return ids.map((id) => `\`${id}\``).join(', ');
}

function examplesOf(ids: ErrorId[]): Record<string, { value: object }> {
  return Object.fromEntries(ids.map((id) => [id, { value: { id, description: ERRORS[id].description } }]));
}

function responseHeaders(status: number): Record<string, { description: string; schema: { type: 'string' } }> {
  const schema = { type: 'string' } as const;
  if (status === 401) return { 'WWW-Authenticate': { description: 'RFC 6750, section 3', schema } };
  if (status === 429 || status === 503) return { 'Retry-After': { description: 'Seconds', schema } };
  return {};
}
