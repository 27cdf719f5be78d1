import { Body, Controller, Get, Head, Header, Post, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import {
  ApiBody,
  ApiConsumes,
  ApiCookieAuth,
  ApiExcludeEndpoint,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiQuery,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CalledBy } from '../auth/called-by.decorator.js';
import { ApiErrors } from '../http/openapi.js';
import { SUBMIT_ONCE, SUBMIT_ONCE_TEXT } from '../http/submit-once.js';
import { Settings } from '../config/settings.js';
import { LoginAnswerDto } from './login/login-answer.dto.js';
import { SessionDto } from './dto/session.dto.js';
import { LoginPages } from './pages/login-pages.js';
import { LOGIN_SCRIPT, LOGIN_SCRIPT_TEXT } from './pages/login-script.js';
import { LoginService } from './login/login.service.js';
import { isForPerson, PageErrorFilter } from '../http/page-error.filter.js';
import { SameOriginGuard } from '../http/same-origin.guard.js';
import { SessionCookie } from './live/session-cookie.js';
import { SignInCookies } from '../sign-ins/sign-in-cookies.js';
import { SignInsService } from '../sign-ins/sign-ins.service.js';
import type { RequestWithSession } from './live/session.guard.js';
import { SessionsService } from './live/sessions.service.js';
import { showSignedOut } from './pages/signed-out.page.js';
import { CurrentSessionService } from './live/current-session.service.js';
import { seeOther } from '../http/see-other.js';

/** Starts, shows and ends the web session (docs/api.md, section 5). */
@ApiTags('Sessions')
@Controller()
export class SessionsController {
  constructor(
    private readonly logins: LoginService,
    private readonly pages: LoginPages,
    private readonly sessions: SessionsService,
    private readonly currentSession: CurrentSessionService,
    private readonly cookie: SessionCookie,
    private readonly signIns: SignInsService,
    private readonly signInCookies: SignInCookies,
    private readonly settings: Settings,
  ) {}

  /** Declared before the GET route, which would answer HEAD too: previewing a link must not use it up. */
  @ApiOperation({
    operationId: 'checkLogin',
    summary: 'Look at a sign-in link without using it',
    description: 'For mail scanners and previews, which look at links: nothing is looked up and nothing is consumed.',
  })
  @ApiOkResponse({ description: 'Always, with any token.' })
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
      'Where the host forwards the browser to. With a live session the token is ignored and not consumed, unless it was obtained with ' +
      '`session=switch` or `ask`. Errors are pages for people; send `Accept: application/json` for error objects.',
  })
  @ApiQuery({ name: 'token', required: false, type: String, description: 'The token of the access call.' })
  @ApiQuery({ name: 'oauth_token', required: false, type: String, description: 'The older name of `token`.' })
  @ApiResponse({
    status: 303,
    description:
      'To the `returnTo` of the token, or to the landing page; with the session cookie if a session was started.',
  })
  @ApiOkResponse({
    description:
      'A page on which the visitor opens the link (`delivery=link`) or chooses between two users (`session=ask`). Nothing has happened yet.',
    content: { 'text/html': { schema: { type: 'string' } } },
  })
  @ApiErrors('missing_field', 'invalid_token', 'token_used', 'token_expired', 'too_many_requests')
  @Get('login')
  @CalledBy('anyone')
  @UseFilters(PageErrorFilter)
  async login(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const outcome = (await this.logins.begun.get(request.raw)) ?? (await this.logins.redeem(request));
    await this.pages.answer(request, uncached(reply), outcome);
  }

  @ApiOperation({
    operationId: 'confirmLogin',
    summary: 'The visitor’s answer on a page of the login',
    description: 'Only from pages of the same origin.',
  })
  @ApiQuery({ name: 'token', required: false, type: String, description: 'The token of the access call.' })
  @ApiQuery({ name: 'oauth_token', required: false, type: String, description: 'The older name of `token`.' })
  @ApiConsumes('application/json', 'application/x-www-form-urlencoded')
  @ApiBody({ type: LoginAnswerDto, required: false })
  @ApiResponse({
    status: 303,
    description:
      'To the `returnTo` of the token, or to the landing page; with the session cookie if a session was started.',
  })
  @ApiOkResponse({
    description: 'A page on which the visitor chooses between two users. Nothing has happened yet.',
    content: { 'text/html': { schema: { type: 'string' } } },
  })
  @ApiErrors('not_authorized', 'missing_field', 'invalid_token', 'token_used', 'token_expired', 'too_many_requests')
  @Post('login')
  @CalledBy('anyone')
  @UseGuards(SameOriginGuard)
  @UseFilters(PageErrorFilter)
  async confirmLogin(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body() { answer = 'open', visit: pageSecret }: LoginAnswerDto,
  ): Promise<void> {
    await this.pages.answer(request, uncached(reply), await this.logins.redeem(request, answer, pageSecret));
  }

  @ApiExcludeEndpoint()
  @Get(LOGIN_SCRIPT)
  @Header('Content-Type', 'text/javascript; charset=utf-8')
  @Header('Cache-Control', 'public, max-age=86400')
  @CalledBy('anyone')
  loginScript(): string {
    return LOGIN_SCRIPT_TEXT;
  }

  @ApiExcludeEndpoint()
  @Get(SUBMIT_ONCE)
  @Header('Content-Type', 'text/javascript; charset=utf-8')
  @Header('Cache-Control', 'public, max-age=86400')
  @CalledBy('anyone')
  submitOnce(): string {
    return SUBMIT_ONCE_TEXT;
  }

  @ApiOperation({
    operationId: 'getSession',
    summary: 'Who is signed in, and who let them in',
    description: 'Needs the cookie of the web session. An access token does not work here.',
  })
  @ApiCookieAuth()
  @ApiOkResponse({ type: SessionDto })
  @ApiResponse({ status: 303, description: 'For a browser that asks for HTML: to the page that shows the same.' })
  @ApiErrors('not_authenticated')
  @Get('session')
  @CalledBy('session')
  async show(@Req() request: RequestWithSession, @Res() reply: FastifyReply): Promise<void> {
    uncached(reply);
    if (isForPerson(request)) seeOther(reply, '/login/sessions');
    else void reply.send(await this.currentSession.toDto(request.session));
  }

  @ApiOperation({
    operationId: 'logout',
    summary: 'End the session',
    description:
      'Only from pages of the same origin. It also signs out of the authorization server in this browser. Without a session it does nothing.',
  })
  @ApiCookieAuth()
  @ApiNoContentResponse({ description: 'The session has ended.' })
  @ApiResponse({ status: 303, description: 'The same for a form on a page: to the landing page of this service.' })
  @ApiOkResponse({
    description: 'The same for a form in a frame: a page that can be shown there.',
    content: { 'text/html': { schema: { type: 'string' } } },
  })
  @ApiErrors('not_authorized')
  @Post('logout')
  @CalledBy('anyone')
  @UseGuards(SameOriginGuard)
  async logout(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const shown = this.cookie.read(request);
    const embedOrigin = (await this.sessions.find(shown))?.embedOrigin ?? null;
    const isEmbedded = embedOrigin !== null;
    await this.sessions.end(shown.filter(({ embedded }) => embedded === isEmbedded));
    this.cookie.clear(uncached(reply), isEmbedded);
    // The next person at this window must not be able to sign in as this user. A frame is a session of its own.
    if (!isEmbedded) await this.endSignIn(request, reply);
    if (!request.headers.accept?.includes('text/html')) void reply.status(204).send();
    else if (isEmbedded) showSignedOut(reply, this.settings, embedOrigin);
    else seeOther(reply, '/');
  }

  private async endSignIn({ headers }: FastifyRequest, reply: FastifyReply): Promise<void> {
    const shown = this.signInCookies.read(headers);
    await this.signIns.signOut(shown);
    if (shown.session || shown.browser) this.signInCookies.clear(reply);
  }
}

/** Forbids caches to keep the answer. */
function uncached(reply: FastifyReply): FastifyReply {
  return reply.header('Cache-Control', 'no-store');
}
