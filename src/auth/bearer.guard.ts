import { Injectable } from '@nestjs/common';
import type { CanActivate, ExecutionContext, Type } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { DomainError } from '../common/errors/errors.js';
import { TokenError } from '../tokens/tokens.service.js';
import { AttemptsService } from '../limits/attempts.service.js';
import { ConsoleStrategy } from './console.strategy.js';
import { BearerStrategy } from './bearer.strategy.js';
import { CallerRule, SCOPE } from './called-by.decorator.js';
import type { TokenRule } from './called-by.decorator.js';
import type { AuthenticatedCaller } from '../common/caller.js';
import { invalidAccessToken, REALM } from '../http/challenge.js';

const REFUSALS: Record<TokenError['reason'], string> = {
  invalid: 'The access token is not valid.',
  expired: 'The access token has expired.',
  revoked: 'The access token was revoked, or its account, client or key no longer exists.',
};

/** Guards every route. A route without @CalledBy is closed. */
@Injectable()
export class BearerGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly attempts: AttemptsService,
    private readonly strategy: BearerStrategy,
    private readonly console: ConsoleStrategy,
  ) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const rule = this.reflector.getAllAndOverride(CallerRule, [context.getHandler(), context.getClass()]);
    switch (rule?.by) {
      case 'anyone':
      case 'session': // the session guard's
        return true;
      case 'bearer':
      case 'delegated':
        return this.authenticate(context, rule);
      default:
        throw new Error(`${context.getClass().name}.${context.getHandler().name} does not say who may call it.`);
    }
  }

  /** The rule of a controller whose routes all need an access token. */
  ruleOf(controller: Type): TokenRule {
    const rule = this.reflector.get(CallerRule, controller);
    if (rule?.by !== 'bearer' && rule?.by !== 'delegated') throw new Error(`${controller.name} needs no access token.`);
    return rule;
  }

  /** The caller whom the rule admits, if nothing has to be looked up to know it. Otherwise `null`. */
  findKnown(request: { headers: { authorization?: string } }, rule: TokenRule): AuthenticatedCaller | null {
    const caller = this.strategy.findKnown(request);
    return caller && !refusalOf(caller, rule) ? caller : null;
  }

  private async authenticate(context: ExecutionContext, rule: TokenRule): Promise<boolean> {
    const request = context.switchToHttp().getRequest<FastifyRequest & { user: AuthenticatedCaller }>();
    const caller = await this.requireCaller(request);
    const refusal = refusalOf(caller, rule);
    if (refusal) throw refusal;
    request.user = caller;
    return true;
  }

  private async requireCaller(request: FastifyRequest): Promise<AuthenticatedCaller> {
    try {
      const caller = (await this.strategy.identify(request)) ?? (await this.console.identify(request));
      if (caller) return caller;
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      if (error.reason === 'invalid') await this.attempts.countWrongToken('bearer', request.ip);
      throw invalidAccessToken(REFUSALS[error.reason]);
    }
    // RFC 6750, section 3.1: a request without credentials gets no error attribute.
    throw new DomainError('not_authenticated', undefined, {
      headers: { 'WWW-Authenticate': `Bearer realm="${REALM}"` },
    });
  }
}

/** Why a rule does not admit an authenticated caller, or `null` if it does. */
function refusalOf({ scopes, actorId }: AuthenticatedCaller, { by, scope }: TokenRule): DomainError | null {
  if (!scopes.includes(scope)) return insufficientScope();
  if (actorId !== undefined && by !== 'delegated')
    return new DomainError('not_authorized', 'A service account cannot make this call for a user.');
  return null;
}

/** The error for a token without the required scope. @see RFC 6750, section 3.1 */
function insufficientScope(): DomainError {
  return new DomainError('not_authorized', `The access token does not have the scope ${SCOPE}.`, {
    headers: { 'WWW-Authenticate': `Bearer realm="${REALM}", error="insufficient_scope", scope="${SCOPE}"` },
  });
}
