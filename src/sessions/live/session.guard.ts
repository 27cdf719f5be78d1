import { Injectable } from '@nestjs/common';
import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { REALM } from '../../http/challenge.js';
import { CallerRule } from '../../auth/called-by.decorator.js';
import { DomainError } from '../../common/errors/errors.js';
import { SessionCookie } from './session-cookie.js';
import { SessionsService } from './sessions.service.js';
import type { LiveSession } from './session.js';

export interface RequestWithSession extends FastifyRequest {
  session: LiveSession;
}

/** Guards every route. It decides for routes that a browser calls with a session. */
@Injectable()
export class SessionGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly cookie: SessionCookie,
    private readonly sessions: SessionsService,
  ) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const rule = this.reflector.getAllAndOverride(CallerRule, [context.getHandler(), context.getClass()]);
    return rule?.by === 'session' ? this.authenticate(context.switchToHttp().getRequest<RequestWithSession>()) : true;
  }

  private async authenticate(request: RequestWithSession): Promise<boolean> {
    const session = await this.sessions.find(this.cookie.read(request));
    if (!session) {
      throw new DomainError('not_authenticated', 'There is no live session.', {
        headers: { 'WWW-Authenticate': `Bearer realm="${REALM}"` },
      });
    }
    request.session = session;
    return true;
  }
}
