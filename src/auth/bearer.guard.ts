import { Injectable } from '@nestjs/common';
import type { ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AuthGuard } from '@nestjs/passport';
import type { FastifyRequest } from 'fastify';
import { DomainError } from '../common/errors/errors.js';
import { TokenError } from '../oauth/tokens.service.js';
import { AttemptsService } from './attempts.service.js';
import { BearerStrategy, REALM } from './bearer.strategy.js';
import { CallerRule, SCOPE } from './called-by.decorator.js';
import type { AuthenticatedCaller } from './caller.js';

const REFUSALS: Record<TokenError['reason'], string> = {
  invalid: 'The access token is not valid.',
  expired: 'The access token has expired.',
  revoked: 'The access token was revoked, or its account, client or key is gone.',
};

/** Stands before every route: what has no @CalledBy is closed. */
@Injectable()
export class BearerGuard extends AuthGuard() {
  constructor(
    private readonly reflector: Reflector,
    private readonly attempts: AttemptsService,
    strategy: BearerStrategy,
  ) {
    // Not by its name: passport's list of names is one for the whole process, and so for all applications in it.
    super({ defaultStrategy: strategy as never });
  }

  override canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const rule = this.reflector.getAllAndOverride(CallerRule, [context.getHandler(), context.getClass()]);
    switch (rule?.by) {
      case 'anyone':
      case 'session': // the session guard's
        return true;
      case 'bearer':
      case 'delegated':
        return this.authenticate(context, rule.scope, rule.by === 'delegated');
      default:
        throw new Error(`${context.getClass().name}.${context.getHandler().name} does not say who may call it.`);
    }
  }

  private async authenticate(context: ExecutionContext, scope: string, mayBeDelegated: boolean): Promise<boolean> {
    await this.requireToken(context);
    const { user } = context.switchToHttp().getRequest<{ user: AuthenticatedCaller }>();
    if (!user.scopes.includes(scope)) throw insufficientScope();
    if (user.actorId !== undefined && !mayBeDelegated)
      throw new DomainError('not_authorized', 'A service account that acts for a user has none of their rights here.');
    return true;
  }

  private async requireToken(context: ExecutionContext): Promise<void> {
    try {
      await super.canActivate(context);
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      if (error.reason === 'invalid') {
        await this.attempts.countWrongToken('bearer', context.switchToHttp().getRequest<FastifyRequest>().ip);
      }
      throw invalidAccessToken(REFUSALS[error.reason]);
    }
  }

  /** Called by passport: with an error, a caller, or neither and the status 400 for a header that is no token. */
  override handleRequest<T>(
    error: unknown,
    caller: T | false,
    _info: unknown,
    _context: ExecutionContext,
    status?: number,
  ): T {
    if (error) throw error;
    if (caller) return caller;
    if (status === 400) throw new TokenError('invalid');
    // RFC 6750, section 3.1: no error attribute without credentials
    throw new DomainError('not_authenticated', undefined, {
      headers: { 'WWW-Authenticate': `Bearer realm="${REALM}"` },
    });
  }
}

/** @see RFC 6750, section 3.1 */
function insufficientScope(): DomainError {
  return new DomainError('not_authorized', `The access token lacks the scope ${SCOPE}.`, {
    headers: { 'WWW-Authenticate': `Bearer realm="${REALM}", error="insufficient_scope", scope="${SCOPE}"` },
  });
}

/** @see RFC 6750, section 3.1 */
export function invalidAccessToken(description: string): DomainError {
  return new DomainError('not_authenticated', description, {
    headers: {
      'WWW-Authenticate': `Bearer realm="${REALM}", error="invalid_token", error_description="${description}"`,
    },
  });
}
