import { Injectable } from '@nestjs/common';
import type { CanActivate, ExecutionContext, RawBodyRequest } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { DomainError } from '../common/errors/errors.js';
import { areText, holdsText, isPercentEncodedText } from '../common/text.js';

const FORM = /^application\/x-www-form-urlencoded/i;

/**
 * Refuses a request whose path, query or body holds invalid UTF-8, a NUL character or a lone surrogate. It is a guard,
 * so that each route reports the error in its own format: an object, a page or an OAuth error.
 */
@Injectable()
export class TextGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { url, headers, body, rawBody } = context.switchToHttp().getRequest<RawBodyRequest<FastifyRequest>>();
    const [path, query = ''] = splitOnce(url, '?');
    if (!isPercentEncodedText(path)) throw notText('The path');
    requirePairs(query, 'The query');
    if (!rawBody) return true;
    if (!areText(rawBody) || !holdsText(body)) throw notText('The body');
    if (FORM.test(headers['content-type'] ?? '')) requirePairs(rawBody.toString(), 'The body');
    return true;
  }
}

/** Throws an error that names the first parameter that is not text. */
function requirePairs(encoded: string, where: string): void {
  if (isPercentEncodedText(encoded)) return;
  const pair = encoded.split('&').find((one) => !isPercentEncodedText(one)) ?? '';
  const [name] = splitOnce(pair, '=');
  throw isPercentEncodedText(name) ? notText(`The parameter ${name}`, name) : notText(where);
}

function splitOnce(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function notText(what: string, field?: string): DomainError {
  return new DomainError('invalid_request', `${what} must be valid UTF-8 without NUL characters.`, {
    members: field === undefined ? {} : { field },
  });
}
