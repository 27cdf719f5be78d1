import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { LoginTokensService } from '../../access/login-tokens.service.js';
import type { GoodLoginToken, LinkPage } from '../../access/login-tokens.service.js';
import { AttemptsService } from '../../limits/attempts.service.js';
import { DomainError } from '../../common/errors/errors.js';
import { TokenError, TokensService } from '../../tokens/tokens.service.js';
import type { EntryClaims } from '../../tokens/tokens.service.js';
import { PageError } from '../../common/errors/page-error.js';
import { decide, isSameUser } from './existing-session.js';
import type { Answer } from './existing-session.js';
import { isInFrame, isNavigation } from '../live/navigation.js';
import { SessionCookie } from '../live/session-cookie.js';
import type { ShownCookie } from '../live/session-cookie.js';
import { deviceOf } from '../live/device.js';
import { LoginRefusalsService } from './login-refusals.service.js';
import { SessionsService } from '../live/sessions.service.js';
import type { Redemption } from '../live/sessions.service.js';
import type { LiveSession, StartedSession } from '../live/session.js';

/** What of a request a login looks at: the token is in its query. The query of one that a proxy asks about is not its own. */
export type LoginRequest = Pick<FastifyRequest, 'headers' | 'query' | 'ip'>;

/** What a login came to. A session was started in the first case only, and a token was consumed in no other. */
export type LoginOutcome =
  | { is: 'started'; session: StartedSession }
  /** The visitor's session stays; `returnTo` is where the token would have led them, if it is a token of their own. */
  | { is: 'kept'; returnTo: string | null }
  /** The same, of a visitor whom the token is not for. */
  | { is: 'kept from another'; live: LiveSession }
  /** The visitor has to say on a page that they are there, and comes back with the answer `open`. */
  | { is: 'needs button'; token: GoodLoginToken }
  /** The visitor has to choose between two users, and comes back with the answer `continue` or `stay`. */
  | { is: 'needs answer'; token: GoodLoginToken; live: LiveSession }
  | RefusedLogin;

/**
 * The token starts no session: the error is `token_used`, `token_expired`, `invalid_token`, or `invalid_request` outside of the frame
 * that it is for. `page` says who may frame a page with the error, and where the token would have led.
 */
export interface RefusedLogin {
  is: 'refused';
  error: DomainError;
  page?: LinkPage;
}

/** Turns a login token that a browser brings into a session (docs/api.md, section 5.1). */
@Injectable()
export class LoginService {
  constructor(
    private readonly tokens: TokensService,
    private readonly loginTokens: LoginTokensService,
    private readonly sessions: SessionsService,
    private readonly cookie: SessionCookie,
    private readonly attempts: AttemptsService,
    private readonly refusals: LoginRefusalsService,
  ) {}

  /**
   * Consumes the token of a real navigation and starts its session, unless the browser's own session stays or the visitor has to do
   * something first. Every other kind of request leaves the token alone.
   *
   * An `answer` counts only if a page of ours asked for it: whoever passes one on has checked that the request comes from there.
   * `pageSecret` is the secret of that page: what it sends again within 30 seconds is answered like the first time.
   *
   * @throws DomainError `invalid_request`, `missing_field` for a request that brings no token; `too_many_requests`
   */
  async redeem(request: LoginRequest, answer?: Answer, pageSecret?: string): Promise<LoginOutcome> {
    if (answer === 'stay') return { is: 'kept', returnTo: null };
    const shown = this.cookie.read(request);
    const live = await this.sessions.find(shown);
    if (live) return this.redeemBeside(live, shown, request, answer, pageSecret);
    const verified = await this.verify(request);
    return verified.is === 'refused' ? verified : this.start(verified.claims, request, { answer, pageSecret });
  }

  private async redeemBeside(
    live: LiveSession,
    shown: ShownCookie[],
    request: LoginRequest,
    answer?: Answer,
    pageSecret?: string,
  ): Promise<LoginOutcome> {
    const found = await this.findGood(request);
    if (!found) return { is: 'kept', returnTo: answer ? await this.targetOfOwn(live, request) : null };
    const { claims, token } = found;
    switch (decide(live, token, answer)) {
      case 'keep':
        return isSameUser(live, token) ? { is: 'kept', returnTo: token.returnTo } : { is: 'kept from another', live };
      case 'ask':
        return { is: 'needs answer', token, live };
      case 'beside':
        return this.start(claims, request, { answer, pageSecret });
      case 'replace':
        return this.start(claims, request, {
          answer,
          pageSecret,
          replaces: shown.filter(({ embedded }) => embedded === (live.embedOrigin !== null)),
        });
    }
  }

  private async start(
    claims: EntryClaims,
    { headers }: LoginRequest,
    { answer, pageSecret, replaces = [] }: { answer?: Answer; pageSecret?: string; replaces?: ShownCookie[] },
  ): Promise<LoginOutcome> {
    const device = deviceOf(headers['user-agent']);
    const redemption = {
      isConfirmed: answer !== undefined,
      isInFrame: isInFrame(headers),
      replaces,
      device,
      pageSecret,
    };
    const session = await this.sessions.start(claims.jti, redemption);
    if (session) return { is: 'started', session };
    const again = pageSecret ? await this.sessions.findStarted(claims.jti, pageSecret) : null;
    if (again) return { is: 'started', session: again };
    const outcome = await this.explain(claims.jti, redemption);
    if (outcome.is === 'refused') await this.refusals.record(claims, outcome.error);
    return outcome;
  }

  /** Why a token has started no session: it is refused, or its visitor has still to say that they are there. */
  private async explain(
    id: string,
    { isConfirmed, isInFrame }: Redemption,
  ): Promise<RefusedLogin | Extract<LoginOutcome, { is: 'needs button' }>> {
    const found = await this.loginTokens.examine(id);
    if (found.is === 'refused') return { is: 'refused', error: new DomainError(found.reason), page: found.page };
    const { token } = found;
    const { embedOrigin, returnTo } = token;
    const page = { embedOrigin, returnTo };
    if (embedOrigin !== null && !isInFrame)
      return {
        is: 'refused',
        error: new PageError(
          'invalid_request',
          'This link does not work here',
          'This link works only inside of the site that it was made for. Go back there and start again.',
        ),
        page,
      };
    if (isConfirmed || (token.delivery === 'redirect' && (embedOrigin !== null || !isInFrame)))
      return { is: 'refused', error: new DomainError('invalid_token'), page };
    return { is: 'needs button', token };
  }

  /** Where the token leads that the visitor's own session came from: they have opened one link in two windows. */
  private async targetOfOwn({ loginTokenId }: LiveSession, request: LoginRequest): Promise<string | null> {
    const claims = await this.tokens.findEntry(readToken(request));
    if (claims?.jti !== loginTokenId) return null;
    return (await this.loginTokens.pageOf(loginTokenId))?.returnTo ?? null;
  }

  /**
   * The token of the request if it can start a session here and now: a bad one is no reason to disturb a live session, and counts as
   * no attempt.
   */
  private async findGood(request: LoginRequest): Promise<{ claims: EntryClaims; token: GoodLoginToken } | null> {
    try {
      const claims = await this.tokens.verifyEntry(readToken(request));
      const found = await this.loginTokens.examine(claims.jti);
      if (found.is === 'refused') return null;
      const { token } = found;
      return token.embedOrigin === null || isInFrame(request.headers) ? { claims, token } : null;
    } catch (error) {
      if (error instanceof DomainError || error instanceof TokenError) return null;
      throw error;
    }
  }

  private async verify(request: LoginRequest): Promise<{ is: 'verified'; claims: EntryClaims } | RefusedLogin> {
    const token = readToken(request);
    try {
      return { is: 'verified', claims: await this.tokens.verifyEntry(token) };
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      if (isEntry(error.claims)) return this.refuseExpired(error.claims);
      await this.attempts.countWrongToken('login', request.ip);
      return { is: 'refused', error: new DomainError('invalid_token') };
    }
  }

  /** Its page can be framed where that of the session could have been. */
  private async refuseExpired(claims: EntryClaims): Promise<RefusedLogin> {
    const page = await this.loginTokens.pageOf(claims.jti);
    return { is: 'refused', error: await this.refusals.record(claims, new DomainError('token_expired')), page };
  }
}

/** Of an access token that has expired, only that for a user could ever have let somebody in. */
function isEntry(claims: object | undefined): claims is EntryClaims {
  return claims !== undefined && 'act' in claims;
}

/** `token`, or `oauth_token` as older clients write it; one of them, once, and of a navigation. */
function readToken({ headers, query }: LoginRequest): string {
  if (!isNavigation(headers))
    throw new PageError(
      'invalid_request',
      'This link does not work here',
      'A sign-in link works only when a browser navigates to it.',
    );
  const { token, oauth_token } = query as Record<string, unknown>;
  const given = [token, oauth_token].filter((value) => value !== undefined);
  if (given.length === 0)
    throw new DomainError(
      'missing_field',
      'This sign-in link is not complete. Go back to where you came from and follow the link again.',
    );
  if (given.length > 1 || typeof given[0] !== 'string')
    throw new PageError(
      'invalid_request',
      'This link does not work',
      'This sign-in link is malformed: it has more than one token.',
    );
  return given[0];
}
