import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DomainError } from '../common/errors/errors.js';
import { ClientsService } from '../clients/clients.service.js';
import { TokensService } from '../tokens/tokens.service.js';
import type { EntryClaims } from '../tokens/tokens.service.js';
import type { Answer } from '../sessions/login/existing-session.js';
import { LoginPages, QUESTION_TYPE } from '../sessions/pages/login-pages.js';
import { LoginRefusalsService } from '../sessions/login/login-refusals.service.js';
import { LoginService } from '../sessions/login/login.service.js';
import { SessionCookie } from '../sessions/live/session-cookie.js';
import type { RefusedLogin } from '../sessions/login/login.service.js';
import { tokenOf, withoutToken } from './deep-link.js';
import type { OriginalRequest } from './original-request.js';
import { SiteVisitorsService } from './site-visitors.service.js';

/** The site that is visited, and whether the browser has a session that is live and good for it. */
interface SiteState {
  site: string;
  isSignedIn: boolean;
}

/** Any page of a protected site with a token in its address (docs/api.md, section 5.9). */
@Injectable()
export class DeepLinksService {
  constructor(
    private readonly logins: LoginService,
    private readonly pages: LoginPages,
    private readonly tokens: TokensService,
    private readonly clients: ClientsService,
    private readonly visitors: SiteVisitorsService,
    private readonly cookie: SessionCookie,
    private readonly refusals: LoginRefusalsService,
  ) {}

  /**
   * Sends the browser to the same page without the token; if nobody is signed in, with the session that it starts. Beside a live
   * session the token is dropped, unless it says `switch`, which replaces the session, or `ask`. A token that waits for its visitor
   * (`delivery=link`, `session=ask`) shows its page here, whose form comes back as a POST of the same address.
   *
   * @returns a token that starts no session, for which nothing is answered yet
   * @throws DomainError those of `LoginService.redeem`, and `not_authorized` for a token that is not for this site
   */
  async follow(
    request: FastifyRequest,
    reply: FastifyReply,
    original: OriginalRequest,
    { site, isSignedIn }: SiteState,
  ): Promise<RefusedLogin | null> {
    const uri = withoutToken(original.uri);
    const token = tokenOf(original.uri);
    // Before the token is used up. What is no good token at all is refused when it is redeemed.
    const claims = typeof token === 'string' ? await this.tokens.findEntry(token) : null;
    const isForSite = claims === null || (await this.isFor(site, claims));
    if (!isForSite && !isSignedIn)
      throw await this.refusals.record(
        claims,
        new DomainError('not_authorized', 'This sign-in link is for another site.'),
      );
    const isAnswer = original.method === 'POST' && isFromSamePage(request, site);
    if (!isForSite || (!isAnswer && original.method !== 'GET')) {
      if (!isSignedIn)
        throw new DomainError('invalid_request', 'A sign-in link works only when a browser navigates to it.');
      this.redirect(reply, site, { ...original, uri });
      return null;
    }
    const { headers, ip } = request;
    // A session that is not good for this site is none here.
    const shown = isSignedIn ? headers : { ...headers, cookie: undefined };
    const login = { headers: shown, ip, query: { oauth_token: token } };
    const outcome = await this.logins.redeem(login, isAnswer ? answerOf(request) : undefined);
    if (outcome.is === 'refused') return outcome;
    if (outcome.is === 'needs button' || outcome.is === 'needs answer') {
      await this.pages.showOnSite(request, reply, outcome, site + uri);
      return null;
    }
    if (outcome.is === 'started') this.cookie.set(reply, outcome.session);
    this.redirect(reply, site, { method: 'GET', uri });
    return null;
  }

  /**
   * To a path of the same site. A form is sent again: nothing of it was passed on. The whole address: Traefik takes a path for one
   * of the service that it asks.
   */
  redirect(reply: FastifyReply, site: string, { method, uri }: Pick<OriginalRequest, 'method' | 'uri'>): void {
    void reply
      .status(method === 'GET' || method === 'HEAD' ? 303 : 307)
      .headers({ Location: site + uri, 'Cache-Control': 'no-store' })
      .send();
  }

  private async isFor(site: string, claims: EntryClaims): Promise<boolean> {
    return this.visitors.isGoodFor(
      site,
      await this.clients.originsOf({ clientId: claims.client_id, userId: claims.act.sub }),
    );
  }
}

/** Of the two pages only the one that asks sends a form of that kind; what a form holds is not passed on to us. */
function answerOf({ headers }: FastifyRequest): Answer {
  return headers['content-type']?.startsWith(QUESTION_TYPE) ? 'continue' : 'open';
}

/** The browser says that the form is on a page of the site: there is none with such an address but ours. */
function isFromSamePage({ headers }: FastifyRequest, site: string): boolean {
  const from = headers['sec-fetch-site'];
  return from === undefined ? headers.origin === site : from === 'same-origin';
}
