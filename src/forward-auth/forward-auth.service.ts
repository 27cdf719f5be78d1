import type { IncomingMessage } from 'node:http';
import { Injectable, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AttemptsService } from '../limits/attempts.service.js';
import { REALM } from '../http/challenge.js';
import { isLegalReturnTo } from '../access/return-to.js';
import { separateCookies } from '../common/cookies.js';
import { DomainError } from '../common/errors/errors.js';
import { sendErrorPage } from '../http/page-error.filter.js';
import { html, say } from '../http/html.js';
import { sendPage } from '../http/page.js';
import { signInUrl } from '../http/sign-in-link.js';
import type { ErrorPage } from '../http/page-error.filter.js';
import { errorPageOf } from '../sessions/pages/login-pages.js';
import type { Visitor } from '../sessions/live/known-visitors.js';
import { inSpan, SESSION_CHECK } from '../telemetry/spans.js';
import { TrustedProxies } from '../common/trusted-proxies.js';
import { Settings } from '../config/settings.js';
import { isNavigation } from '../sessions/live/navigation.js';
import { SessionCookie } from '../sessions/live/session-cookie.js';
import { IdentityHeadersService } from './identity-headers.service.js';
import { hasToken, withoutToken } from './deep-link.js';
import { DeepLinksService } from './deep-links.service.js';
import { EMPTY_IDENTITY_HEADERS } from './identity-headers.js';
import { isPreflight, originOf, readOriginalRequest } from './original-request.js';
import type { OriginalRequest } from './original-request.js';
import { SiteVisitorsService } from './site-visitors.service.js';

/** How many unlisted addresses and sites the log names. */
const MAX_REPORTED = 100;

/**
 * Answers proxies that ask whether a request for a protected site may pass, and who its visitor is (docs/api.md,
 * section 5.9).
 */
@Injectable()
export class ForwardAuthService {
  private readonly logger = new Logger('ForwardAuth');
  private readonly proxies: TrustedProxies;
  private readonly preflightSites: Set<string>;
  /** Addresses and sites that the log has named already. */
  private readonly reported = new Set<string>();

  constructor(
    private readonly visitors: SiteVisitorsService,
    private readonly identity: IdentityHeadersService,
    private readonly deepLinks: DeepLinksService,
    private readonly cookie: SessionCookie,
    private readonly attempts: AttemptsService,
    private readonly settings: Settings,
  ) {
    this.proxies = new TrustedProxies(settings.TRUSTED_PROXIES);
    this.preflightSites = new Set(settings.preflightSites);
  }

  /**
   * The headers for a request that may pass, names and values in turn, if the cache can answer, which it nearly always
   * can. Otherwise `null`.
   */
  answerFromCache({ method, url, headers, socket }: IncomingMessage): string[] | null {
    try {
      if (!this.proxies.includes(socket.remoteAddress) || !this.identity.isUpToDate) return null;
      const original = readOriginalRequest(method!, url!, headers);
      if (original.proxyBehaviour === 'page' || hasToken(original.uri)) return null;
      const cookies = separateCookies(headers.cookie);
      const visitor = this.visitors.findCached(this.cookie.read({ headers }, cookies), original.site);
      return visitor ? [...this.identity.headersFor(visitor, original.site), 'Cookie', cookies.rest] : null;
    } catch {
      // `answer` handles the request and reports the error.
      return null;
    }
  }

  /** Answers any request. */
  async answer(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    let original: OriginalRequest | null = null;
    try {
      this.requireProxy(request.socket.remoteAddress);
      const { method, url, headers } = request.raw;
      original = readOriginalRequest(method!, url!, headers);
      await this.decide(request, reply, original);
    } catch (error) {
      await this.refuse(error, original, request, reply);
    }
  }

  private async decide(request: FastifyRequest, reply: FastifyReply, original: OriginalRequest): Promise<void> {
    const site = originOf(original.site);
    if (site === null) throw new DomainError('not_authorized', 'The proxy does not name a site.');
    // The token can be removed only by an answer that the browser gets to see.
    if (hasToken(original.uri) && original.proxyBehaviour === 'status-only') throw notSignedIn();
    const { headers } = request;
    const cookies = separateCookies(headers.cookie);
    const shown = this.cookie.read({ headers }, cookies);
    const visitor = await inSpan(SESSION_CHECK, () => this.visitors.find(shown, site), outcomeOf);
    await this.identity.refresh();
    if (hasToken(original.uri)) {
      const refused = await this.deepLinks.follow(request, reply, original, { site, isSignedIn: visitor !== null });
      if (refused) await this.refuse(refused.error, original, request, reply, errorPageOf(refused.page));
    } else if (!visitor && this.isOpenPreflight(original, site, request)) {
      void reply.headers(EMPTY_IDENTITY_HEADERS).send();
    } else if (!visitor) {
      await this.reportForeign(site);
      throw notSignedIn();
    } else if (original.proxyBehaviour === 'page') {
      // The visitor has signed in since the proxy asked, so the browser asks again.
      this.deepLinks.redirect(reply, site, original);
    } else {
      const headers = this.identity.headersFor(visitor, site);
      for (let i = 0; i < headers.length; i += 2) void reply.header(headers[i]!, headers[i + 1]);
      void reply.header('Cookie', cookies.rest).send();
    }
  }

  private isOpenPreflight(
    { method, proxyBehaviour }: OriginalRequest,
    site: string,
    { headers }: FastifyRequest,
  ): boolean {
    return proxyBehaviour !== 'page' && this.preflightSites.has(site) && isPreflight(method, headers);
  }

  /** Requires that a trusted proxy asks. @throws DomainError `not_authorized` */
  private requireProxy(address: string | undefined): void {
    if (this.proxies.includes(address)) return;
    const hint = `${address ?? 'An unknown address'} asks at /forward-auth and is not in TRUSTED_PROXIES`;
    if (this.isFirstReport(hint)) this.logger.warn(`${hint}. If it is a proxy of yours, add it there.`);
    throw new DomainError('not_authorized', `Only trusted proxies can call this path: ${hint}.`);
  }

  /**
   * Reports a site on which no session can count: a mistake in the configuration that looks like a visitor who is not
   * signed in.
   */
  private async reportForeign(site: string): Promise<void> {
    if (!this.isFirstReport(site) || (await this.visitors.isKnown(site))) return;
    this.logger.warn(
      `A proxy asks about ${site}, which is neither PUBLIC_URL nor an origin of a client: nobody can sign in there.`,
    );
  }

  private isFirstReport(what: string): boolean {
    if (this.reported.size >= MAX_REPORTED || this.reported.has(what)) return false;
    this.reported.add(what);
    return true;
  }

  private async refuse(
    error: unknown,
    original: OriginalRequest | null,
    request: FastifyRequest,
    reply: FastifyReply,
    page: ErrorPage = {},
  ): Promise<void> {
    const isSignedOut = error instanceof DomainError && error.id === 'not_authenticated';
    if (isSignedOut && original?.proxyBehaviour === 'status-only') {
      void reply.status(401).header('Cache-Control', 'no-store').send();
      return;
    }
    const returnTo = isPage(request, original) ? await this.pageOf(original!) : null;
    if (isSignedOut && this.settings.SIGN_IN_URL && isPage(request, original))
      await this.sendToSignIn(signInUrl(this.settings, returnTo)!, request, reply);
    else
      sendErrorPage(error, request, reply, this.settings, {
        ...page,
        returnTo: returnTo ?? page.returnTo,
        isOnOtherSite: true,
      });
  }

  /**
   * The requested page without a token, if a login may lead there. A proxy's word alone is no reason to redirect to a
   * page.
   */
  private async pageOf({ site, uri }: OriginalRequest): Promise<string | null> {
    const origin = originOf(site);
    if (!this.settings.SIGN_IN_URL || origin === null) return null;
    try {
      const page = origin + (hasToken(uri) ? withoutToken(uri) : uri);
      return isLegalReturnTo(page, [origin]) && (await this.visitors.isKnown(origin)) ? page : null;
    } catch {
      // The address is malformed or the database does not answer, so there is no page to return to.
      return null;
    }
  }

  /**
   * Redirects to the sign-in page. A browser that refuses cookies would be sent in circles and get a new session each
   * time, so after some redirects it gets a page that it must confirm.
   */
  private async sendToSignIn(url: string, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { headers, ip } = request;
    try {
      const browser = headers['user-agent'];
      if (browser && this.cookie.read({ headers }).length === 0) await this.attempts.countSentToSignIn(ip, browser);
      void reply.status(302).headers({ Location: url, 'Cache-Control': 'no-store' }).send();
    } catch (error) {
      if (!(error instanceof DomainError))
        return sendErrorPage(error, request, reply, this.settings, { isOnOtherSite: true });
      void reply.header('WWW-Authenticate', `Bearer realm="${REALM}"`);
      sendPage(
        reply,
        401,
        say('notSignedIn'),
        html`<p>${say('cookiesAfterSignIn')}</p>
          <p><a href="${url}">${say('signIn')}</a></p>`,
        { isOnOtherSite: true },
      );
    }
  }
}

function outcomeOf(visitor: Visitor | null): string {
  return visitor ? 'live' : 'none';
}

/** Whether a person opens a page, which can be redirected; a script or an image can't. */
function isPage({ headers }: FastifyRequest, original: OriginalRequest | null): boolean {
  if (original?.proxyBehaviour === 'status-only') return false;
  return original?.method === 'GET' && isNavigation(headers) && (headers.accept ?? '').includes('text/html');
}

function notSignedIn(): DomainError {
  return new DomainError(
    'not_authenticated',
    'Go back to the site that you came from and follow its link again. It signs you in here without a password.',
    { headers: { 'WWW-Authenticate': `Bearer realm="${REALM}"` } },
  );
}
