import { Controller, Get, Header, Param, Post, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CalledBy } from '../auth/called-by.decorator.js';
import { SameOriginGuard } from '../http/same-origin.guard.js';
import { toIso } from '../common/clock.js';
import { IdPipe } from '../http/id.pipe.js';
import { FAVICON } from '../http/favicon.js';
import { html, say } from '../http/html.js';
import { sendPage } from '../http/page.js';
import type { Html } from '../http/html.js';
import { Settings } from '../config/settings.js';
import type { SessionDto } from './dto/session.dto.js';
import { PageErrorFilter } from '../http/page-error.filter.js';
import { OwnSessionsService } from './live/own-sessions.service.js';
import type { OwnSession } from './live/own-sessions.service.js';
import { SessionCookie } from './live/session-cookie.js';
import { SessionsService } from './live/sessions.service.js';
import { showSignedOut } from './pages/signed-out.page.js';
import { CurrentSessionService } from './live/current-session.service.js';
import { seeOther } from '../http/see-other.js';

const OWN_SESSIONS = 'login/sessions';

/** The page that a login leads to if it has no other target. */
@ApiExcludeController()
@Controller()
@CalledBy('anyone')
@UseFilters(PageErrorFilter)
export class LandingController {
  constructor(
    private readonly sessions: SessionsService,
    private readonly own: OwnSessionsService,
    private readonly currentSession: CurrentSessionService,
    private readonly cookie: SessionCookie,
    private readonly settings: Settings,
  ) {}

  /** The second path also works where `/` belongs to the application. */
  @Get(['', OWN_SESSIONS])
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const session = await this.sessions.find(this.cookie.read(request));
    if (!session) {
      showSignedOut(reply, this.settings);
      return;
    }
    const [visitor, sessions] = await Promise.all([this.currentSession.toDto(session), this.own.list(session)]);
    const page = html`${signedIn(visitor)}${listed(sessions, session.id)}`;
    // Browsers without Sec-Fetch-Site send `Origin: null` with a form if the page sends no referrer.
    sendPage(reply, 200, say('youAreSignedIn'), page, {
      referrerPolicy: 'same-origin',
      frameAncestor: session.embedOrigin,
    });
  }

  /** Browsers request this icon for answers that are not pages. */
  @Get('favicon.ico')
  @Header('Content-Type', 'image/svg+xml')
  @Header('Cache-Control', 'public, max-age=86400')
  favicon(): string {
    return FAVICON;
  }

  /** Ends another session of the visitor. It does nothing if there is no such session, or if it is somebody else's. */
  @Post(`${OWN_SESSIONS}/:id/end`)
  @UseGuards(SameOriginGuard)
  async end(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('id', IdPipe) id: string,
  ): Promise<void> {
    const session = await this.sessions.find(this.cookie.read(request));
    if (session) await this.own.end(session, id);
    if (session?.id === id) this.cookie.clear(reply, session.embedOrigin !== null);
    seeOther(reply, `/${OWN_SESSIONS}`);
  }
}

function signedIn({ user, actor, created, expires }: SessionDto): Html {
  return html`<dl>
      <dt>${say('landingSignedInAs')}</dt>
      <dd>${user.name}${user.emailAddress ? html` (${user.emailAddress})` : ''}</dd>
      <dt>${say('letInBy')}</dt>
      <dd>${actor.name}, ${actor.organization.name}</dd>
      <dt>${say('sinceLabel')}</dt>
      <dd>${time(created)}</dd>
      <dt>${say('until')}</dt>
      <dd>${say('orLater', { time: time(expires) })}</dd>
    </dl>
    <form method="post" action="/logout"><button type="submit">${say('logOut')}</button></form>`;
}

/** Lists the visitor's sessions by browser, time and who let them in. */
function listed(sessions: OwnSession[], current: string): Html {
  return html`<h2>${say('yourSessions')}</h2>
    <ul class="cards">
      ${sessions.map((session) => card(session, session.id === current))}
    </ul>`;
}

function card(session: OwnSession, isCurrent: boolean): Html {
  const { id, device, createdAt, lastSeenAt, actorName, organizationName } = session;
  return html`<li>
    <div>
      <strong id="s-${id}">${device ?? say('unknownBrowser')}</strong>${isCurrent ? html` <mark>${say('thisBrowser')}</mark>` : ''}
      <small id="d-${id}">${say('since', { time: minute(createdAt) })}<br>${say('lastUsed', { time: minute(lastSeenAt) })}<br>${say('letInByWhom', { actor: actorName, organization: organizationName })}</small>
    </div>
    ${isCurrent ? '' : endForm(id)}
  </li>`;
}

function endForm(id: string): Html {
  return html`<form method="post" action="/${OWN_SESSIONS}/${id}/end">
    <button type="submit" class="quiet" id="e-${id}" aria-labelledby="e-${id} s-${id}" aria-describedby="d-${id}">${say('end')}</button>
  </form>`;
}

function time(iso: string): Html {
  return html`<time datetime="${iso}">${iso.replace('T', ' ').replace('Z', ' UTC')}</time>`;
}

/** An instant to the minute, which is enough to tell sessions apart. */
function minute(instant: Date): Html {
  const iso = toIso(instant);
  return html`<time datetime="${iso}">${iso.slice(0, 16).replace('T', ' ')} UTC</time>`;
}
