import { Catch } from '@nestjs/common';
import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { REALM } from './challenge.js';
import { Settings } from '../config/settings.js';
import { html, sendPage } from './page.js';
import { linkToSignIn } from './sign-in-link.js';
import { sendError, toFailure } from './error.filter.js';
import { PageError } from '../common/errors/page-error.js';

const TITLES: Record<string, string> = {
  token_used: 'This link was already used',
  token_expired: 'This link has expired',
  invalid_token: 'This link does not work',
  invalid_request: 'This request does not work',
  missing_field: 'This link is not complete',
  not_authenticated: 'You are not signed in',
  not_authorized: 'You are not allowed to do this',
  not_found: 'There is no page here',
  method_not_allowed: 'There is no page here',
  too_many_requests: 'Too many attempts',
  unavailable: 'Not available at the moment',
};

/**
 * For routes that people open in a browser: answers with a page that says what to do, or with the error object for
 * `Accept: application/json`.
 */
@Catch()
export class PageErrorFilter implements ExceptionFilter {
  constructor(private readonly settings: Settings) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    sendErrorPage(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>(), this.settings);
  }
}

/** For all other routes: answers with the error object, or with a page if a person opens the route in a browser. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(private readonly settings: Settings) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const [request, reply] = [http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>()];
    if (isForPerson(request)) sendErrorPage(error, request, reply, this.settings);
    else sendError(error, request, reply);
  }
}

/**
 * Whether a person's browser asks for a page, and not a program for an object. Only programs call the API. The HTTP
 * client of Java says that it accepts HTML, but, unlike a browser, it also lists GIF.
 */
export function isForPerson({ url, headers: { accept = '' } }: FastifyRequest): boolean {
  return (
    !url.startsWith('/api/') &&
    accept.includes('text/html') &&
    !accept.includes('application/json') &&
    !accept.includes('image/gif')
  );
}

/** What an error page depends on, beside the error. */
export interface ErrorPage {
  /** The page that the visitor wanted. Signing in leads back to it. */
  returnTo?: string | null;
  /** The origin whose pages may frame the error page. Without it, no page may. */
  frameAncestor?: string | null;
}

export function sendErrorPage(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  settings: Settings,
  { returnTo, frameAncestor }: ErrorPage = {},
): void {
  const { status, headers, body } = toFailure(error, request);
  if (status === 401) void reply.header('WWW-Authenticate', `Bearer realm="${REALM}", error="invalid_token"`);
  void reply.headers({ ...headers, 'Cache-Control': 'no-store' });
  if (wantsJson(request)) {
    void reply.status(status).send(body);
    return;
  }
  const retryAfter = Number(headers['Retry-After'] ?? 0);
  sendPage(
    reply,
    status,
    (error instanceof PageError ? error.title : TITLES[body.id]) ?? 'Something went wrong',
    html`<p>${body.description}</p>
      ${retryAfter > 0 ? html`<p>Try again in ${inWords(retryAfter)}.</p>` : ''}
      ${status < 500 ? linkToSignIn(settings, returnTo) : ''}
      <p>
        <small>If this happens again, give this number to the operator of the site: <code>${request.id}</code></small>
      </p>`,
    { frameAncestor },
  );
}

function wantsJson({ headers }: FastifyRequest): boolean {
  const accept = headers.accept ?? '';
  return accept.includes('application/json') && !accept.includes('text/html');
}

function inWords(seconds: number): string {
  const [number, unit] = seconds < 90 ? [seconds, 'second'] : [Math.ceil(seconds / 60), 'minute'];
  return `${number} ${unit}${number === 1 ? '' : 's'}`;
}
