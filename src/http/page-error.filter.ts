import { Catch } from '@nestjs/common';
import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { REALM } from './challenge.js';
import { Settings } from '../config/settings.js';
import { html, say, sayFault } from './html.js';
import type { Html } from './html.js';
import type { MessageKey } from './messages/en.js';
import { sendPage } from './page.js';
import { linkToSignIn } from './sign-in-link.js';
import { sendError, toFailure } from './error.filter.js';
import { PageError } from '../common/errors/page-error.js';

const TITLES: Record<string, MessageKey> = {
  token_used: 'title_token_used',
  token_expired: 'title_token_expired',
  invalid_token: 'title_invalid_token',
  invalid_request: 'title_invalid_request',
  missing_field: 'title_missing_field',
  not_authenticated: 'notSignedIn',
  not_authorized: 'title_not_authorized',
  not_found: 'title_not_found',
  method_not_allowed: 'title_not_found',
  too_many_requests: 'title_too_many_requests',
  unavailable: 'title_unavailable',
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
  /** The page is shown at an address of another site. */
  isOnOtherSite?: boolean;
}

export function sendErrorPage(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  settings: Settings,
  { returnTo, ...options }: ErrorPage = {},
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
    error instanceof PageError ? sayFault(error.title) : say(TITLES[body.id] ?? 'title_other'),
    html`<p>${sayFault(body.description)}</p>
      ${retryAfter > 0 ? html`<p>${say('tryAgainIn', { time: inWords(retryAfter) })}</p>` : ''}
      ${status < 500 ? linkToSignIn(settings, returnTo) : ''}
      <p>
        <small>${reply.server.pageDesign.quote(request.id)}</small>
      </p>`,
    options,
  );
}

function wantsJson({ headers }: FastifyRequest): boolean {
  const accept = headers.accept ?? '';
  return accept.includes('application/json') && !accept.includes('text/html');
}

function inWords(seconds: number): Html {
  if (seconds < 90) return seconds === 1 ? say('oneSecond') : say('seconds', { count: seconds });
  return say('minutes', { count: Math.ceil(seconds / 60) });
}
