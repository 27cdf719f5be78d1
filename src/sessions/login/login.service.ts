import type { IncomingMessage } from 'node:http';
import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { LoginTokensService } from '../../access/login-tokens.service.js';
import type { GoodLoginToken, LinkPage } from '../../access/login-tokens.service.js';
import { LandingsService } from '../../applications/landings.service.js';
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
import { measured } from './measured-redemption.js';
import { LoginRefusalsService } from './login-refusals.service.js';
import { SessionsService } from '../live/sessions.service.js';
import type { Redemption } from '../live/sessions.service.js';
import type { LiveSession, StartedSession } from '../live/session.js';

/**
 * The parts of a request that a login needs. The token is in the query. A forward-auth request carries another
 * request's query.
 */
export type LoginRequest = Pick<FastifyRequest, 'headers' | 'query' | 'ip'>;

/** The outcome of a login. Only `started` has consumed the token. */
export type LoginOutcome =
  | { is: 'started'; session: StartedSession; userId: string }
  /** The visitor's session stays. If the token is their own, `returnTo` is where it leads. */
  | { is: 'kept'; returnTo: string | null; live: LiveSession }
  /** The visitor has chosen to stay who they are. */
  | { is: 'stayed' }
  /** The visitor's session stays, and the token is for somebody else. */
  | { is: 'kept other user'; live: LiveSession }
  /** The visitor must confirm on a page that they are there; the form comes back with the answer `open`. */
  | { is: 'needs button'; token: GoodLoginToken }
  /** The visitor must choose between two users; the form comes back with the answer `continue` or `stay`. */
  | { is: 'needs answer'; token: GoodLoginToken; live: LiveSession }
  | RefusedLogin;

/**
 * The token starts no session. The error is `token_used`, `token_expired`, `invalid_token`, or `invalid_request` if the
 * token is for a frame and opened elsewhere. `page` says who may frame the error page, and where the token would have
 * led.
 */
export interface RefusedLogin {
  is: 'refused';
  error: DomainError;
  page?: LinkPage;
}

/** Redeems the login token that a browser brings (docs/api.md, section 5.1). */
@Injectable()
export class LoginService {
  /** Logins that were begun before the framework got their request. */
  readonly begun = new WeakMap<IncomingMessage, Promise<LoginOutcome | null>>();

  constructor(
    private readonly tokens: TokensService,
    private readonly loginTokens: LoginTokensService,
    private readonly sessions: SessionsService,
    private readonly cookie: SessionCookie,
    private readonly attempts: AttemptsService,
    private readonly refusals: LoginRefusalsService,
    private readonly landings: LandingsService,
  ) {}

  /**
   * Redeems the token if the request is a real navigation, and starts its session, unless the browser's session stays
   * or the visitor has to do something first. Other requests leave the token alone.
   *
   * The caller passes on an `answer` only if the request came from one of our pages. `pageSecret` is that page's
   * secret: the same form sent again within 30 seconds gets the same answer.
   *
   * @throws DomainError `invalid_request`, `missing_field` if the request has no token; `too_many_requests`
   */
  redeem(request: LoginRequest, answer?: Answer, pageSecret?: string): Promise<LoginOutcome> {
    return measured(() => this.redeemInBrowser(request, answer, pageSecret));
  }

  /**
   * Redeems a valid token as `redeem` does in a browser that shows no session. Returns `null`, and does nothing, if the
   * token is not valid.
   *
   * @throws DomainError as `redeem`
   */
  redeemInNewBrowser(request: Omit<LoginRequest, 'ip'>): Promise<LoginOutcome | null> {
    return measured(async () => {
      const claims = await this.tokens.findEntry(readToken(request));
      return claims && this.start(claims, request, {});
    });
  }

  private async redeemInBrowser(request: LoginRequest, answer?: Answer, pageSecret?: string): Promise<LoginOutcome> {
    if (answer === 'stay') return { is: 'stayed' };
    const shown = this.cookie.read(request);
    const live = await this.sessions.find(shown);
    if (live) return this.redeemWithLiveSession(live, shown, request, answer, pageSecret);
    const verified = await this.verify(request);
    return verified.is === 'refused' ? verified : this.start(verified.claims, request, { answer, pageSecret });
  }

  private async redeemWithLiveSession(
    live: LiveSession,
    shown: ShownCookie[],
    request: LoginRequest,
    answer?: Answer,
    pageSecret?: string,
  ): Promise<LoginOutcome> {
    const found = await this.findGood(request);
    if (!found) return { is: 'kept', returnTo: answer ? await this.targetOfOwn(live, request) : null, live };
    const { claims, token } = found;
    const leadsToApplication = token.returnTo !== null && (await this.landings.isOfApplication(token.returnTo));
    switch (decide(live, token, { answer, leadsToApplication })) {
      case 'keep':
        return isSameUser(live, token)
          ? { is: 'kept', returnTo: token.returnTo, live }
          : { is: 'kept other user', live };
      case 'ask':
        return { is: 'needs answer', token, live };
      case 'add':
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
    { headers }: Pick<LoginRequest, 'headers'>,
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
    if (session) return { is: 'started', session, userId: claims.sub };
    const again = pageSecret ? await this.sessions.findStarted(claims.jti, pageSecret) : null;
    if (again) return { is: 'started', session: again, userId: claims.sub };
    const outcome = await this.explain(claims.jti, redemption);
    if (outcome.is === 'refused') await this.refusals.record(claims, outcome.error);
    return outcome;
  }

  /** Why a token has started no session: it is refused, or the visitor must confirm first. */
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
          'This link only works inside the site that it was made for. Go back there and start again.',
        ),
        page,
      };
    if (isConfirmed || (token.delivery === 'redirect' && (embedOrigin !== null || !isInFrame)))
      return { is: 'refused', error: new DomainError('invalid_token'), page };
    return { is: 'needs button', token };
  }

  /** Where the token leads that started the visitor's own session, for a visitor who opened one link in two windows. */
  private async targetOfOwn({ id }: LiveSession, request: LoginRequest): Promise<string | null> {
    const claims = await this.tokens.findEntry(readToken(request));
    if (claims?.jti !== id) return null;
    return (await this.loginTokens.pageOf(id))?.returnTo ?? null;
  }

  /**
   * The request's token if it can start a session here and now. A bad token does not disturb a live session, and does
   * not count as an attempt.
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

  /** Refuses an expired token. The error page may be framed where the session could have been. */
  private async refuseExpired(claims: EntryClaims): Promise<RefusedLogin> {
    const page = await this.loginTokens.pageOf(claims.jti);
    return { is: 'refused', error: await this.refusals.record(claims, new DomainError('token_expired')), page };
  }
}

/**
 * Whether the claims are those of a token that can let a visitor in. An access token that has expired must have been
 * one for a user.
 */
function isEntry(claims: object | undefined): claims is EntryClaims {
  return claims !== undefined && 'act' in claims;
}

/** The token of a navigation, from `token` or its older name `oauth_token`. Exactly one must be given. */
function readToken({ headers, query }: Omit<LoginRequest, 'ip'>): string {
  if (!isNavigation(headers))
    throw new PageError(
      'invalid_request',
      'This link does not work here',
      'A sign-in link only works when it is opened in a browser.',
    );
  const { token, oauth_token } = query as Record<string, unknown>;
  const given = [token, oauth_token].filter((value) => value !== undefined);
  if (given.length === 0)
    throw new DomainError(
      'missing_field',
      'This sign-in link is not complete. Go back to where you came from and follow the link again.',
    );
  const [value] = given;
  if (given.length > 1 || typeof value !== 'string')
    throw new PageError(
      'invalid_request',
      'This link does not work',
      given.length > 1 || (Array.isArray(value) && value.length > 1)
        ? 'This sign-in link is malformed: it has more than one token.'
        : 'This sign-in link is malformed: it gives the token as a list instead of a single value.',
    );
  return value;
}
