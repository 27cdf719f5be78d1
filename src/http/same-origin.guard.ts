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
  private readonly origins: string[];

  constructor({ PUBLIC_URL }: Settings) {
    // A session that is only for https exists at the https form of the public URL.
    this.origins = [PUBLIC_URL, PUBLIC_URL.replace(/^http:/, 'https:')];
  }

  canActivate(context: ExecutionContext): boolean {
    this.requireSameOrigin(context.switchToHttp().getRequest<FastifyRequest>().headers);
    return true;
  }

  /** @throws DomainError `not_authorized` */
  requireSameOrigin({ origin, 'sec-fetch-site': site }: IncomingHttpHeaders): void {
    const sameOrigin =
      site === undefined ? origin !== undefined && this.origins.includes(origin) : site === 'same-origin';
    if (!sameOrigin)
      throw new DomainError('not_authorized', 'This call is accepted from pages of the same origin only.');
  }
}
