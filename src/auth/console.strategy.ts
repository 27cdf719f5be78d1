import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { AuthenticatedCaller } from '../common/caller.js';
import { SameOriginGuard } from '../http/same-origin.guard.js';
import { ConsoleCookies } from '../sign-ins/console-cookies.js';
import { ConsoleSessionsService } from '../sign-ins/console-sessions.service.js';
import { SCOPE } from './called-by.decorator.js';

/**
 * The header that the console sends with each call. Forms and navigations can't set it, and no page of another origin
 * may, because CORS does not allow it (docs/api.md, section 2.9).
 */
const CONSOLE_HEADER = 'x-console';

/**
 * Authenticates the console by its session (docs/api.md, section 16.2). Its caller has the same rights as with a bearer
 * token: the policies decide.
 */
@Injectable()
export class ConsoleStrategy {
  constructor(
    private readonly sessions: ConsoleSessionsService,
    private readonly cookies: ConsoleCookies,
    private readonly sameOrigin: SameOriginGuard,
  ) {}

  /**
   * The caller of a request of the console, or `null` if it is none or its session is over.
   *
   * @throws DomainError `not_authorized` if the request does not come from a page of the same origin. Some routes that
   * are read with GET make something, such as a login token, so this holds for all methods
   */
  async identify({ headers }: Pick<FastifyRequest, 'headers'>): Promise<AuthenticatedCaller | null> {
    if (headers[CONSOLE_HEADER] === undefined) return null;
    this.sameOrigin.requireSameOrigin(headers);
    const secret = this.cookies.session(headers);
    const caller = secret ? await this.sessions.find(secret) : null;
    return caller && { ...caller, scopes: [SCOPE] };
  }
}
