import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LandingsService } from '../../applications/landings.service.js';
import { REALM } from '../../http/challenge.js';
import { newSecret } from '../../common/id.js';
import { html, say } from '../../http/html.js';
import { sendPage } from '../../http/page.js';
import type { Html } from '../../http/html.js';
import type { PageOptions } from '../../http/page.js';
import { Settings } from '../../config/settings.js';
import type { UserDto } from '../../users/dto/user.dto.js';
import { UsersService } from '../../users/users.service.js';
import { LOGIN_SCRIPT } from './login-script.js';
import { isSameUser } from '../login/existing-session.js';
import type { LoginOutcome, RefusedLogin } from '../login/login.service.js';
import { isInFrame, isTopLevel } from '../live/navigation.js';
import type { LiveSession } from '../live/session.js';
import { SessionCookie } from '../live/session-cookie.js';
import type { LinkPage } from '../../access/login-tokens.service.js';
import { sendErrorPage } from '../../http/page-error.filter.js';
import type { ErrorPage } from '../../http/page-error.filter.js';
import { seeOther } from '../../http/see-other.js';

/** The encoding of the question's form at another site's address. */
export const QUESTION_TYPE = 'multipart/form-data';

export type StartedLogin = Extract<LoginOutcome, { is: 'started' }>;
export type UnfinishedLogin = Extract<LoginOutcome, { is: 'needs button' | 'needs answer' }>;

/**
 * Answers a login: starts the session in the browser and redirects, or shows a page on which the login waits for the
 * visitor. The pages' forms post to the page's own address, which contains the token, so that no page contains it.
 */
@Injectable()
export class LoginPages {
  constructor(
    private readonly cookie: SessionCookie,
    private readonly landings: LandingsService,
    private readonly users: UsersService,
    private readonly settings: Settings,
  ) {}

  /** Answers a request of the login route. */
  async answer(request: FastifyRequest, reply: FastifyReply, outcome: LoginOutcome): Promise<void> {
    switch (outcome.is) {
      case 'started':
        this.cookie.set(reply, outcome.session);
        return leadTo(reply, await this.targetOfStarted(outcome));
      case 'kept':
        return leadTo(reply, await this.targetOf(outcome.returnTo, outcome.live));
      case 'stayed':
        return leadTo(reply, this.settings.LANDING_URL);
      case 'kept other user':
        return this.showKept(request, reply, outcome.live);
      case 'refused':
        return this.showRefusal(request, reply, outcome);
      default:
        return this.show(request, reply, outcome);
    }
  }

  /**
   * Shows the page on which a login waits at another site's address. Its form comes back there without saying which
   * button was pressed, so it has a single button, and a visitor who wants to stay follows a link to `page`. The
   * encoding of the form tells the question from the confirmation. None of our scripts can be served there. The status
   * is 401, because most proxies read 200 as leave to pass the request on.
   */
  showOnSite(request: FastifyRequest, reply: FastifyReply, outcome: UnfinishedLogin, page: string): Promise<void> {
    void reply.header('WWW-Authenticate', `Bearer realm="${REALM}"`);
    return this.show(request, reply, outcome, page);
  }

  private async show(
    request: FastifyRequest,
    reply: FastifyReply,
    outcome: UnfinishedLogin,
    page?: string,
  ): Promise<void> {
    const options = { ...this.optionsOf(outcome), isOnOtherSite: page !== undefined };
    const status = page === undefined ? 200 : 401;
    if (outcome.is === 'needs button') {
      const { embedOrigin, delivery } = outcome.token;
      const waitsInFrame = isInFrame(request.headers) && embedOrigin === null && delivery === 'redirect';
      // Programs that open links to preview them rarely say that they navigate in a window.
      const isPressed = isTopLevel(request.headers) || waitsInFrame;
      sendPage(reply, status, say('oneMoreStep'), button(page), {
        ...options,
        // If a page of another site frames it, the browser does not show it, and the token stays unused.
        ...(waitsInFrame ? { frameAncestor: "'self'" } : {}),
        ...(page === undefined && isPressed ? { scripts: [LOGIN_SCRIPT] } : {}),
      });
      return;
    }
    if (page === undefined && isSameUser(outcome.live, outcome.token)) {
      const { name } = await this.userDto(outcome.live.userId);
      sendPage(reply, status, say('continueThere'), organizationQuestion(name), options);
      return;
    }
    const [current, offered] = await Promise.all([
      this.userDto(outcome.live.userId),
      this.userDto(outcome.token.userId),
    ]);
    sendPage(reply, status, say('continueAsOther'), question(current, offered, page), options);
  }

  /** Answers that the session stays. A program gets the answer to a token that is ignored. */
  private async showKept(request: FastifyRequest, reply: FastifyReply, live: LiveSession): Promise<void> {
    if (!request.headers.accept?.includes('text/html')) return leadTo(reply, this.settings.LANDING_URL);
    const { name } = await this.userDto(live.userId);
    sendPage(reply, 200, say('stillSignedInAs', { name }), kept(name, this.settings.LANDING_URL), {
      frameAncestor: live.embedOrigin,
      hasForm: true,
    });
  }

  private showRefusal(request: FastifyRequest, reply: FastifyReply, { error, page }: RefusedLogin): void {
    sendErrorPage(error, request, reply, this.settings, errorPageOf(page));
  }

  /** Where a login leads that has started a session. */
  targetOfStarted({ session, userId }: StartedLogin): Promise<string> {
    return this.targetOf(session.returnTo, { userId, embedOrigin: session.embedOrigin });
  }

  /**
   * Where a login leads whose token has this target. In a frame of another site, an application could not keep its
   * cookies while it signs the visitor in.
   */
  private async targetOf(
    returnTo: string | null,
    { userId, embedOrigin }: Pick<LiveSession, 'userId' | 'embedOrigin'>,
  ): Promise<string> {
    if (returnTo === null) return this.settings.LANDING_URL;
    return (embedOrigin === null && (await this.landings.landingOf(userId, returnTo))) || returnTo;
  }

  private optionsOf({ token: { returnTo, embedOrigin } }: UnfinishedLogin): PageOptions {
    // Browsers apply the page's `form-action` to every redirect after a form, also to those of the target's site.
    const formTargets = [returnTo, this.settings.LANDING_URL].flatMap((target) =>
      target?.startsWith('http:') ? [new URL(target).origin] : [],
    );
    return { frameAncestor: embedOrigin, formTargets: ['https:', ...formTargets], hasForm: true };
  }

  private async userDto(userId: string): Promise<UserDto> {
    const user = await this.users.findById(userId);
    if (!user) throw new Error('A user is gone whose token or session was good a moment ago.');
    return this.users.toDto(user);
  }
}

function leadTo(reply: FastifyReply, target: string): void {
  seeOther(reply, target);
}

/** An error page may be framed where the session could have been, and leads to where the link would have led. */
export function errorPageOf(page: LinkPage | undefined): ErrorPage {
  return { frameAncestor: page?.embedOrigin, returnTo: page?.returnTo };
}

/** The page names nobody, because link previews show it to people whom the link is not for. */
function button(page: string | undefined): Html {
  return html`<p>${say('linkSignsIn')}</p>
  <form method="post"><button type="submit" name="answer" value="open">${say('continue')}</button>${pageSecretField(page)}</form>`;
}

/**
 * The hidden field that tells this page from others. At another site's address there is none, because its form's fields
 * don't reach us.
 */
function pageSecretField(page: string | undefined): Html | '' {
  return page === undefined ? html`<input type="hidden" name="visit" value="${newSecret()}">` : '';
}

function question(current: UserDto, offered: UserDto, page: string | undefined): Html {
  const stay = say('stayAs', { name: current.name });
  return html`<dl>
      <dt>${say('signedInAs')}</dt>
      <dd>${nameOf(current)}</dd>
      <dt>${say('linkIsFor')}</dt>
      <dd>${nameOf(offered)}</dd>
    </dl>
    <p>${say('willSignOut', { name: current.name })}</p>
    <form method="post"${page === undefined ? '' : html` enctype="${QUESTION_TYPE}"`}>
      <p><button type="submit" name="answer" value="continue">${say('continueAs', { name: offered.name })}</button></p>
      <p>${page === undefined ? html`<button type="submit" name="answer" value="stay" class="quiet">${stay}</button>` : html`<a href="${page}">${stay}</a>`}</p>${pageSecretField(page)}
    </form>`;
}

/** Asks a visitor whose own session another organization has started. */
function organizationQuestion(name: string): Html {
  return html`<p>${say('letInByOther')}</p>
    <p>${say('earlierEnds')}</p>
    <form method="post">
      <p><button type="submit" name="answer" value="continue">${say('continue')}</button></p>
      <p><button type="submit" name="answer" value="stay" class="quiet">${say('stayAs', { name })}</button></p>${pageSecretField(undefined)}
    </form>`;
}

function kept(name: string, landingUrl: string): Html {
  return html`<p>${say('linkForOther')}</p>
    <p><a href="${landingUrl}">${say('continueAs', { name })}</a></p>
    <p>${say('logOutToUseLink')}</p>
    <form method="post" action="/logout"><button type="submit">${say('logOut')}</button></form>`;
}

function nameOf({ name, emailAddress }: UserDto): string {
  return emailAddress ? `${name} (${emailAddress})` : name;
}
