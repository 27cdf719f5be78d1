import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { LoginTokensService } from '../access/login-tokens.service.js';
import { AttemptsService } from '../auth/attempts.service.js';
import { DomainError } from '../common/errors/errors.js';
import { TokenError, TokensService } from '../oauth/tokens.service.js';
import { isNavigation } from './navigation.js';
import { SessionsService } from './sessions.service.js';
import type { StartedSession } from './sessions.service.js';

/** What of a request matters. The query of one that a proxy asks about is not its own. */
export type LoginRequest = Pick<FastifyRequest, 'headers' | 'ip' | 'query'>;

/** Turns a login token that a browser brings into a session (API.md, section 3). */
@Injectable()
export class LoginService {
  constructor(
    private readonly tokens: TokensService,
    private readonly loginTokens: LoginTokensService,
    private readonly sessions: SessionsService,
    private readonly attempts: AttemptsService,
  ) {}

  /**
   * Consumes the token of a real navigation and starts its session; every other kind of request leaves the token alone.
   *
   * @throws DomainError `invalid_request`, `missing_field`, `invalid_token`, `token_used`, `token_expired`, `too_many_requests`
   */
  async redeem(request: LoginRequest): Promise<StartedSession> {
    if (!isNavigation(request.headers))
      throw new DomainError('invalid_request', 'A sign-in link works only when a browser navigates to it.');
    const id = await this.requireTokenId(readToken(request.query as Record<string, unknown>), request.ip);
    const session = await this.sessions.start(id);
    if (!session) throw await this.loginTokens.refusal(id);
    return session;
  }

  private async requireTokenId(token: string, address: string): Promise<string> {
    try {
      return (await this.tokens.verify('login', token)).jti;
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      if (error.reason === 'expired') throw new DomainError('token_expired');
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
