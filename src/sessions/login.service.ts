import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { LoginTokensService } from '../access/login-tokens.service.js';
import { AttemptsService } from '../auth/attempts.service.js';
import { DomainError } from '../common/errors/errors.js';
import { TokenError, TokensService } from '../oauth/tokens.service.js';
import type { LoginTokenClaims } from '../oauth/tokens.service.js';
import { deviceOf } from './device.js';
import { isNavigation } from './navigation.js';
import { LoginRefusalsService } from './login-refusals.service.js';
import { SessionsService } from './sessions.service.js';
import type { StartedSession } from './sessions.service.js';

/** Turns a login token that a browser brings into a session (API.md, section 3). */
@Injectable()
export class LoginService {
  constructor(
    private readonly tokens: TokensService,
    private readonly loginTokens: LoginTokensService,
    private readonly sessions: SessionsService,
    private readonly attempts: AttemptsService,
    private readonly refusals: LoginRefusalsService,
  ) {}

  /**
   * Consumes the token of a real navigation and starts its session; every other kind of request leaves the token alone.
   *
   * @throws DomainError `invalid_request`, `missing_field`, `invalid_token`, `token_used`, `token_expired`, `too_many_requests`
   */
  async redeem(request: FastifyRequest): Promise<StartedSession> {
    if (!isNavigation(request.headers))
      throw new DomainError('invalid_request', 'A sign-in link works only when a browser navigates to it.');
    const claims = await this.requireClaims(readToken(request.query as Record<string, unknown>), request.ip);
    const session = await this.sessions.start(claims.jti, deviceOf(request.headers['user-agent']));
    if (!session) throw await this.refusals.record(claims, await this.loginTokens.refusal(claims.jti));
    return session;
  }

  private async requireClaims(token: string, address: string): Promise<LoginTokenClaims> {
    try {
      return await this.tokens.verify('login', token);
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      if (error.claims)
        throw await this.refusals.record(error.claims as LoginTokenClaims, new DomainError('token_expired'));
      await this.attempts.countWrongToken('login', address);
      throw new DomainError('invalid_token');
    }
  }
}

/** `token`, or `oauth_token` as older clients write it; one of them, once. */
function readToken({ token, oauth_token }: Record<string, unknown>): string {
  const given = [token, oauth_token].filter((value) => value !== undefined);
  if (given.length === 0)
    throw new DomainError(
      'missing_field',
      'This sign-in link is not complete. Go back to where you came from and follow the link again.',
    );
  if (given.length > 1 || typeof given[0] !== 'string')
    throw new DomainError('invalid_request', 'This sign-in link is malformed: it has more than one token.');
  return given[0];
}
