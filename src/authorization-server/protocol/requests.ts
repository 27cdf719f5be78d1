import type { FastifyRequest } from 'fastify';
import { DomainError } from '../../common/errors/errors.js';

/** The query: everything after the first question mark, including further question marks (RFC 3986, section 3.4). */
export function queryOf({ url }: FastifyRequest): URLSearchParams {
  const start = url.indexOf('?');
  return new URLSearchParams(start === -1 ? '' : url.slice(start));
}

/**
 * The form of a request as the body parser read it, with repeated fields, or the same fields as JSON (docs/api.md,
 * section 12.2).
 *
 * @throws DomainError `invalid_request` if a JSON value is not a string
 */
export function toForm({ headers }: FastifyRequest, fields: unknown): URLSearchParams {
  const isJson = /^application\/json\b/i.test(headers['content-type'] ?? '');
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries((fields ?? {}) as Record<string, unknown>)) {
    if (isJson && typeof value !== 'string')
      throw new DomainError('invalid_request', `The parameter ${name} must be a string.`, { members: { field: name } });
    for (const one of [value].flat()) form.append(name, String(one));
  }
  return form;
}
