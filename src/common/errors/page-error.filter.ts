import { Catch } from '@nestjs/common';
import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { REALM } from '../../auth/challenge.js';
import { toFailure } from './error.filter.js';
import { DomainError } from './errors.js';
import { html, sendPage } from '../page.js';

const TITLES: Record<string, string> = {
  token_used: 'This link was used before',
  token_expired: 'This link has expired',
  invalid_token: 'This link does not work',
  missing_field: 'This link is not complete',
  invalid_request: 'This link does not work',
  not_authenticated: 'You are not signed in',
};

/** For routes that a person's browser opens: a page that says what to do, or the error object for `Accept: application/json`. */
@Catch()
export class PageErrorFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    sendErrorPage(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }
}

export function sendErrorPage(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const { status, headers, body } = toFailure(error, request);
  if (status === 401) void reply.header('WWW-Authenticate', `Bearer realm="${REALM}", error="invalid_token"`);
  void reply.headers({ ...headers, 'Cache-Control': 'no-store' });
  if (wantsJson(request)) {
    void reply.status(status).send(body);
    return;
  }
  sendPage(
    reply,
    status,
    TITLES[body.id] ?? 'Something went wrong',
    html`<p>${body.description}</p>
      <p>
        <small>If this happens again, give this number to whoever runs the site: <code>${request.id}</code></small>
      </p>`,
    { frameAncestor: error instanceof DomainError ? error.extra.embedOrigin : null },
  );
}

function wantsJson({ headers }: FastifyRequest): boolean {
  const accept = headers.accept ?? '';
  return accept.includes('application/json') && !accept.includes('text/html');
}
