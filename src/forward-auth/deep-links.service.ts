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

/** The visited site, and whether the browser has a live session that counts there. */
interface SiteState {
  site: string;
  isSignedIn: boolean;
}

/** Handles a token in the address of any page of a protected site (docs/api.md, section 5.9). */
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
   * Redirects the browser to the same page without the token. If nobody is signed in, the token starts a session. If
   * there is a live session, the token is dropped, unless it says `switch`, which replaces the session, or `ask`. A
   * token that waits for its visitor (`delivery=link`, `session=ask`) shows its page here, and the form comes back as a
   * POST to the same address.
   *
   * @returns a refused token, for which nothing has been answered yet
   * @throws DomainError those of `LoginService.redeem`, and `not_authorized` if the token is not for this site
   */
  async follow(
    request: FastifyRequest,
    reply: FastifyReply,
    original: OriginalRequest,
    { site, isSignedIn }: SiteState,
  ): Promise<RefusedLogin | null> {
    const uri = withoutToken(original.uri);
    const token = tokenOf(original.uri);
    // Checked before the token is used up. A token that is not valid at all is refused at its redemption.
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
        throw new DomainError('invalid_request', 'A sign-in link only works when it is opened in a browser.');
      this.redirect(reply, site, { ...original, uri });
      return null;
    }
    const { headers, ip } = request;
    // A session that does not count on this site is ignored.
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
   * Redirects to a path of the same site. A form is sent again, because none of it was passed on. The address is
   * absolute: Traefik would take a path for one of this service.
   */
  redirect(reply: FastifyReply, site: string, { method, uri }: Pick<OriginalRequest, 'method' | 'uri'>): void {
    void reply
      .status(method === 'GET' || method === 'HEAD' ? 303 : 307)
      .headers({ Location: site + uri, 'Cache-Control': 'no-store' })
      .send();
  }

  private async isFor(site: string, claims: EntryClaims): Promise<boolean> {
    return this.visitors.mayLetInto(
      site,
      await this.clients.originsOf({ clientId: claims.client_id, userId: claims.act.sub }),
    );
  }
}

/**
 * The visitor's answer. Only the page that asks sends a form of this type; the form's fields are not passed on to us.
 */
function answerOf({ headers }: FastifyRequest): Answer {
  return headers['content-type']?.startsWith(QUESTION_TYPE) ? 'continue' : 'open';
}

/** Whether the browser says that the form comes from a page of the site. Only our own page has such an address. */
function isFromSamePage({ headers }: FastifyRequest, site: string): boolean {
  const from = headers['sec-fetch-site'];
  return from === undefined ? headers.origin === site : from === 'same-origin';
}
