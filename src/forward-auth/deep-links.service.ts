import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DomainError } from '../common/errors/errors.js';
import { ClientsService } from '../oauth/clients.service.js';
import { TokensService } from '../oauth/tokens.service.js';
import { LoginService } from '../sessions/login.service.js';
import { SessionCookie } from '../sessions/session-cookie.js';
import { tokenOf, withoutToken } from './deep-link.js';
import type { OriginalRequest } from './original-request.js';
import { VisitsService } from './visits.service.js';

/** Any page of a protected site with a token in its address (API.md, section 3, "Construct its own URL"). */
@Injectable()
export class DeepLinksService {
  constructor(
    private readonly logins: LoginService,
    private readonly tokens: TokensService,
    private readonly clients: ClientsService,
    private readonly visits: VisitsService,
    private readonly cookie: SessionCookie,
  ) {}

  /**
   * Sends the browser to the same page without the token; if nobody is signed in, with the session that it starts.
   *
   * @throws DomainError those of `LoginService.redeem`, and `not_authorized` for a token that is not for this site
   */
  async follow(
    request: FastifyRequest,
    reply: FastifyReply,
    original: OriginalRequest,
    { site, isSignedIn }: { site: string; isSignedIn: boolean },
  ): Promise<void> {
    const target = { ...original, uri: withoutToken(original.uri) };
    if (!isSignedIn) await this.signIn(request, reply, original, site);
    this.redirect(reply, target);
  }

  /** To a path of the same site. A form is sent again: nothing of it was passed on. */
  redirect(reply: FastifyReply, { method, uri }: OriginalRequest): void {
    void reply
      .status(method === 'GET' || method === 'HEAD' ? 303 : 307)
      .headers({ Location: uri, 'Cache-Control': 'no-store' })
      .send();
  }

  private async signIn(
    request: FastifyRequest,
    reply: FastifyReply,
    { method, uri }: OriginalRequest,
    site: string,
  ): Promise<void> {
    if (method !== 'GET')
      throw new DomainError('invalid_request', 'A sign-in link works only when a browser navigates to it.');
    const token = tokenOf(uri);
    await this.requireFor(site, token);
    const { headers, ip } = request;
    const { secret, secure } = await this.logins.redeem({ headers, ip, query: { oauth_token: token } });
    this.cookie.set(reply, secret, secure);
  }

  /** Before the token is used up. What is no good token at all is refused when it is redeemed. */
  private async requireFor(site: string, token: unknown): Promise<void> {
    if (typeof token !== 'string') return;
    const claims = await this.tokens.verify('login', token).catch(() => null);
    if (claims && !this.visits.isGoodFor(site, await this.clients.originsOf(claims.client_id)))
      throw new DomainError('not_authorized', 'This sign-in link is for another site.');
  }
}
