import type { IncomingHttpHeaders } from 'node:http';
import { Injectable } from '@nestjs/common';
import type { CanActivate, ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { DomainError } from '../common/errors/errors.js';
import { Settings } from '../config/settings.js';

/**
 * For calls that change something and are authenticated by a cookie: the browser must say that the request comes from
 * one of our own pages. Every current browser does. A request without this information is refused.
 */
@Injectable()
export class SameOriginGuard implements CanActivate {
  constructor(private readonly settings: Settings) {}

  canActivate(context: ExecutionContext): boolean {
    this.requireSameOrigin(context.switchToHttp().getRequest<FastifyRequest>().headers);
    return true;
  }

  /** @throws DomainError `not_authorized` */
  requireSameOrigin(headers: IncomingHttpHeaders): void {
    if (!isSameOrigin(this.settings, headers))
      throw new DomainError('not_authorized', 'This call is accepted from pages of the same origin only.');
  }
}

/** Whether the browser says that the request comes from one of our own pages. */
export function isSameOrigin(
  { PUBLIC_URL }: Settings,
  { origin, 'sec-fetch-site': site }: IncomingHttpHeaders,
): boolean {
  if (site !== undefined) return site === 'same-origin';
  // A session that is only for https exists at the https form of the public URL.
  return origin !== undefined && [PUBLIC_URL, PUBLIC_URL.replace(/^http:/, 'https:')].includes(origin);
}
