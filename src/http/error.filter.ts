import { HttpException, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isDatabaseUnavailable } from '../database/unavailable.js';
import { DomainError, errorIdOfStatus } from '../common/errors/errors.js';
import type { ErrorBody } from '../common/errors/errors.js';

const RETRY_AFTER_SECONDS = '2';

/** Sends the error object (docs/api.md, section 2.4) for any error. */
export function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const { status, headers, body } = toFailure(error, request);
  void reply.status(status).headers(headers).send(body);
}

export interface Failure {
  status: number;
  headers: Record<string, string>;
  body: ErrorBody;
}

/** The error ids of the requests that were answered with an error. */
const failed = new WeakMap<FastifyRequest, string>();

/** The error id that a request was answered with, if it was. */
export function errorIdOf(request: FastifyRequest): string | undefined {
  return failed.get(request);
}

/** The status and body for an error: its own description if it is meant for the caller, and no internals otherwise. */
export function toFailure(error: unknown, request: FastifyRequest): Failure {
  const failure = describe(error, request);
  failed.set(request, failure.body.id);
  return failure;
}

function describe(error: unknown, request: FastifyRequest): Failure {
  const known = isGone(error) ? new DomainError('invalid_request', 'The request was aborted.') : toDomainError(error);
  if (known) {
    const { id, message, status, extra } = known;
    return { status, headers: extra.headers ?? {}, body: { id, description: message, ...extra.members } };
  }
  const status = frameworkStatus(error);
  if (status !== null && status < 500) {
    return {
      status,
      headers: {},
      body: { id: errorIdOfStatus(status), description: frameworkDescription(error, status) },
    };
  }
  new Logger('ErrorFilter').error({ requestId: request.id, route: request.routeOptions?.url, error: textOf(error) });
  const internal = new DomainError('internal_error');
  return { status: 500, headers: {}, body: { id: internal.id, description: internal.message, requestId: request.id } };
}

/**
 * Whether the client closed the connection while it sent its body. Nobody reads the answer, and it is not our failure.
 */
function isGone(error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'ECONNRESET' && message === 'aborted';
}

function toDomainError(error: unknown): DomainError | null {
  if (error instanceof DomainError) return error;
  if (!isDatabaseUnavailable(error)) return null;
  new Logger('ErrorFilter').error({ message: 'The database is unavailable', error: textOf(error) });
  return unavailable();
}

export function unavailable(description?: string, members?: Record<string, unknown>): DomainError {
  return new DomainError('unavailable', description, { members, headers: { 'Retry-After': RETRY_AFTER_SECONDS } });
}

/** The status of an error that Nest or Fastify raises, such as an unknown path or an unreadable body. */
function frameworkStatus(error: unknown): number | null {
  if (error instanceof HttpException) return error.getStatus();
  const { statusCode, code } = error as { statusCode?: unknown; code?: unknown };
  return typeof statusCode === 'number' && typeof code === 'string' && code.startsWith('FST_') ? statusCode : null;
}

function frameworkDescription(error: unknown, status: number): string {
  const { code } = error as { code?: unknown };
  if (code === 'FST_ERR_BAD_URL') return 'The path is malformed: it is not percent-encoded UTF-8.';
  if (code === 'FST_ERR_MAX_PARAM_LENGTH') return 'The path is too long.';
  if (status === 404) return 'There is nothing at this path.';
  if (status === 413) return 'The body is larger than 64 KiB.';
  if (status === 415) return 'Send the body as application/x-www-form-urlencoded or application/json.';
  return (error as Error).message;
}

/**
 * The error as text for the log. It leaves out the error's other properties: a database driver puts the statement's
 * parameters there, and they may be secret.
 */
function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
