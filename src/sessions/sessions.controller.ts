import { Controller, Get, Head, HttpCode, Post, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import {
  ApiCookieAuth,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiQuery,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CalledBy } from '../auth/called-by.decorator.js';
import { ApiErrors } from '../common/openapi.js';
import { Settings } from '../config/settings.js';
import { SessionDto } from './dto/session.dto.js';
import { LoginService } from './login.service.js';
import { PageErrorFilter } from '../common/errors/page-error.filter.js';
import { SameOriginGuard } from '../auth/same-origin.guard.js';
import { SessionCookie } from './session-cookie.js';
import type { RequestWithSession } from './session.guard.js';
import { SessionsService } from './sessions.service.js';
import { VisitorsService } from './visitors.service.js';

/** Establishes, shows and ends the web session (API.md, section 3). */
@ApiTags('Sessions')
@Controller()
export class SessionsController {
  constructor(
    private readonly logins: LoginService,
    private readonly sessions: SessionsService,
    private readonly visitors: VisitorsService,
    private readonly cookie: SessionCookie,
    private readonly settings: Settings,
  ) {}

  /** Before the GET route, so that it is not answered by it: looking at a link must not use it up. */
  @ApiOperation({ operationId: 'checkLogin', summary: 'Looks at a sign-in link without using it' })
  @ApiOkResponse({ description: 'Always, whatever the token is.' })
  @ApiErrors()
  @Head('login')
  @CalledBy('anyone')
  checkLogin(@Res() reply: FastifyReply): void {
    void uncached(reply).status(200).send();
  }

  @ApiOperation({
    operationId: 'login',
    summary: 'Turn a one-time token into a web session',
    description:
      'Where the host forwards the browser to. With a live session the token is ignored and not consumed. ' +
      'Errors are pages for people; send `Accept: application/json` for error objects.',
  })
  @ApiQuery({ name: 'token', required: false, type: String, description: 'The token of the access call.' })
  @ApiQuery({ name: 'oauth_token', required: false, type: String, description: 'The older name of `token`.' })
  @ApiResponse({
    status: 303,
    description:
      'To the `returnTo` of the token, or to the landing page; with the session cookie if a session was started.',
  })
  @ApiErrors('missing_field', 'invalid_token', 'token_used', 'token_expired', 'too_many_requests')
  @Get('login')
  @CalledBy('anyone')
  @UseFilters(PageErrorFilter)
  async login(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const live = await this.sessions.find(this.cookie.read(request));
    const target = live ? null : await this.startSession(request, reply);
    void uncached(reply)
      .status(303)
      .header('Location', target ?? this.settings.LANDING_URL)
      .send();
  }

  @ApiOperation({ operationId: 'getSession', summary: 'Who is signed in, and who let them in' })
  @ApiCookieAuth()
  @ApiOkResponse({ type: SessionDto })
  @ApiErrors('not_authenticated')
  @Get('session')
  @CalledBy('session')
  async show(@Req() request: RequestWithSession, @Res({ passthrough: true }) reply: FastifyReply): Promise<SessionDto> {
    uncached(reply);
    return this.visitors.describe(request.session);
  }

  @ApiOperation({
    operationId: 'logout',
    summary: 'End the session',
    description: 'From pages of the same origin only. Without a session it does nothing.',
  })
  @ApiCookieAuth()
  @ApiNoContentResponse({ description: 'There is no session any more.' })
  @ApiResponse({ status: 303, description: 'The same for a form on a page: to the landing page of this service.' })
  @ApiErrors('not_authorized')
  @Post('logout')
  @HttpCode(204)
  @CalledBy('anyone')
  @UseGuards(SameOriginGuard)
  async logout(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<void> {
    await this.sessions.end(this.cookie.read(request));
    this.cookie.clear(uncached(reply));
    if (request.headers.accept?.includes('text/html')) reply.status(303).header('Location', '/');
  }

  private async startSession(request: FastifyRequest, reply: FastifyReply): Promise<string | null> {
    const { secret, secure, returnTo } = await this.logins.redeem(request);
    this.cookie.set(reply, secret, secure);
    return returnTo;
  }
}

/** Nothing on the way keeps the answer. */
function uncached(reply: FastifyReply): FastifyReply {
  return reply.header('Cache-Control', 'no-store');
}
