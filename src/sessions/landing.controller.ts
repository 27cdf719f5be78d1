import { Controller, Get, Req, Res, UseFilters } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CalledBy } from '../auth/called-by.decorator.js';
import { html, sendPage } from '../common/page.js';
import type { Html } from '../common/page.js';
import type { SessionDto } from './dto/session.dto.js';
import { PageErrorFilter } from '../common/errors/page-error.filter.js';
import { SessionCookie } from './session-cookie.js';
import { SessionsService } from './sessions.service.js';
import { showSignedOut } from './signed-out.page.js';
import { VisitorsService } from './visitors.service.js';

/** The page on which a login ends that has nowhere else to go. */
@ApiExcludeController()
@Controller()
@CalledBy('anyone')
@UseFilters(PageErrorFilter)
export class LandingController {
  constructor(
    private readonly sessions: SessionsService,
    private readonly visitors: VisitorsService,
    private readonly cookie: SessionCookie,
  ) {}

  @Get()
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const session = await this.sessions.find(this.cookie.read(request));
    // Browsers without Sec-Fetch-Site send `Origin: null` with the form of a page that has no referrer.
    if (session)
      sendPage(reply, 200, 'You are signed in', signedIn(await this.visitors.describe(session)), {
        referrerPolicy: 'same-origin',
        frameAncestor: session.embedOrigin,
      });
    else showSignedOut(reply);
  }
}

function signedIn({ user, actor, created, expires }: SessionDto): Html {
  return html`<dl>
      <dt>Signed in as</dt>
      <dd>${user.name}${user.emailAddress ? html` (${user.emailAddress})` : ''}</dd>
      <dt>Let in by</dt>
      <dd>${actor.name}, ${actor.organization.name}</dd>
      <dt>Since</dt>
      <dd>${time(created)}</dd>
      <dt>Until</dt>
      <dd>${time(expires)}, or later if you keep using it</dd>
    </dl>
    <form method="post" action="/logout"><button type="submit">Log out</button></form>`;
}

function time(iso: string): Html {
  return html`<time datetime="${iso}">${iso.replace('T', ' ').replace('Z', ' UTC')}</time>`;
}
