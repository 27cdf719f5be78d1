import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { decodeJwt } from 'jose';
import type { Interaction } from 'oidc-provider';
import { toNumericDate } from '../../common/clock.js';
import type { LiveSession } from '../../sessions/live/session.js';
import { SignInCookies } from '../../sign-ins/sign-in-cookies.js';
import { AuthorizationServer } from '../engine/authorization-server.js';
import { DelegatedSessions } from '../engine/delegated-sessions.service.js';
import { isForApi, scopesOf } from '../protocol/openid.js';
import { handleOf, nameOf } from '../protocol/session-names.js';
import { findSignIn } from '../protocol/sign-in-session.js';
import { startAgain } from './interactions.service.js';

/** Decides in which session of a browser a request is answered: its sign-in session, or a delegated one. */
@Injectable()
export class VisitorsService {
  constructor(
    private readonly server: AuthorizationServer,
    private readonly delegated: DelegatedSessions,
    private readonly cookies: SignInCookies,
  ) {}

  /**
   * The delegated session in which an authorization request is answered, or `null` if the sign-in session counts. A
   * delegated session only says who its user is: it never gives access to the API, and it counts only for applications
   * of the organization that let the user in, as it does on protected sites. If both sessions count, `id_token_hint` or
   * `login_hint` decides between two users, and otherwise the later session counts.
   */
  async sessionFor(request: FastifyRequest, query: URLSearchParams): Promise<LiveSession | null> {
    const scopes = scopesOf(query.get('scope') ?? '');
    if (!scopes.includes('openid') || isForApi(scopes) || query.has('resource')) return null;
    // Nobody can sign in again by somebody else's decision.
    if (scopesOf(query.get('prompt') ?? '').includes('login')) return null;
    const live = await this.delegated.findOf(request);
    if (!live || !(await this.countsFor(live, query.get('client_id') ?? ''))) return null;
    const signIn = await findSignIn(this.server.provider, this.cookies.read(request.headers));
    if (!signIn?.accountId) return live;
    if (signIn.accountId !== live.userId) {
      const expected = subjectOf(query.get('id_token_hint')) ?? query.get('login_hint');
      if (expected === live.userId) return live;
      if (expected === signIn.accountId) return null;
    }
    return toNumericDate(live.createdAt) >= (signIn.loginTs ?? 0) ? live : null;
  }

  /**
   * The delegated session in which an interaction began, unless somebody has signed in there. @throws StartAgain if the
   * browser has it no more
   */
  async sessionOf(
    request: FastifyRequest,
    { session, result, params }: Pick<Interaction, 'session' | 'result' | 'params'>,
  ): Promise<LiveSession | null> {
    if (!session || result?.login || handleOf(session.uid) === null) return null;
    const live = await this.delegated.findOf(request);
    if (live && nameOf(live) === session.uid) return live;
    throw startAgain({ params });
  }

  private async countsFor({ organizationId }: LiveSession, clientId: string): Promise<boolean> {
    const client = await this.server.provider.Client.find(clientId);
    return client?.organization === organizationId;
  }
}

/** Whom an ID token names. The engine verifies the token afterwards, so a forged one signs nobody in. */
function subjectOf(idToken: string | null): string | undefined {
  try {
    return idToken === null ? undefined : decodeJwt(idToken).sub;
  } catch {
    return undefined;
  }
}
