import { Controller, Get, HttpCode, Post, Query, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CalledBy } from '../auth/called-by.decorator.js';
import { PageErrorFilter } from '../http/page-error.filter.js';
import { html, say } from '../http/html.js';
import { sendPage } from '../http/page.js';
import type { MessageKey } from '../http/messages/en.js';
import { SameOriginGuard } from '../http/same-origin.guard.js';
import { Settings } from '../config/settings.js';
import { ConsoleCookies } from '../sign-ins/console-cookies.js';
import { ConsoleSessionsService } from '../sign-ins/console-sessions.service.js';
import { SignInCookies } from '../sign-ins/sign-in-cookies.js';
import { SignInsService } from '../sign-ins/sign-ins.service.js';
import { ConsoleSignInService } from './sign-in.service.js';
import { seeOther } from '../http/see-other.js';

/** Signs people in to the console and out of it (docs/api.md, section 16.2). */
@ApiExcludeController()
@Controller('console')
@CalledBy('anyone')
@UseFilters(PageErrorFilter)
export class ConsoleSignInController {
  constructor(
    private readonly signIn: ConsoleSignInService,
    private readonly sessions: ConsoleSessionsService,
    private readonly cookies: ConsoleCookies,
    private readonly signIns: SignInsService,
    private readonly signInCookies: SignInCookies,
    private readonly settings: Settings,
  ) {}

  @Get('sign-in')
  begin(@Query('to') target: unknown, @Req() { headers }: FastifyRequest, @Res() reply: FastifyReply): void {
    redirect(reply, this.signIn.begin(this.cookies.ensureBrowser(headers, reply), target));
  }

  /** The redirect URI. */
  @Get('signed-in')
  async finish(
    @Query() { code, state, iss }: Record<string, unknown>,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { headers } = request;
    const browser = this.cookies.browser(headers);
    const isAnswer = typeof code === 'string' && typeof state === 'string' && iss === this.settings.PUBLIC_URL;
    const caller = browser && isAnswer ? await this.signIn.exchange(browser, { code, state }, request) : null;
    const shown = this.cookies.session(headers);
    if (!caller) {
      // A reload and the Back button bring an answer that was used before.
      const isSignedIn = shown !== undefined && (await this.sessions.find(shown)) !== null;
      if (isSignedIn) return redirect(reply, typeof state === 'string' ? this.signIn.targetOf(state) : '/console');
      return sendFailure(reply, 400, 'signInNotFinished');
    }
    const { userId, clientId } = caller;
    if (clientId === null) return sendFailure(reply, 403, 'noOrganization');
    const secret = await this.sessions.start({ userId, clientId }, this.signInCookies.read(headers).session ?? '');
    if (secret === null) return sendFailure(reply, 403, 'signInNotFinished');
    await this.sessions.end(shown);
    this.cookies.setSession(reply, secret);
    redirect(reply, this.signIn.targetOf(String(state)));
  }

  /** Ends the session, and the sign-in at the authorization server in the same browser. */
  @Post('sign-out')
  @UseGuards(SameOriginGuard)
  @HttpCode(204)
  async end(@Req() { headers }: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<void> {
    await this.sessions.end(this.cookies.session(headers));
    await this.signIns.signOut(this.signInCookies.read(headers));
    this.cookies.clear(reply);
    this.signInCookies.clear(reply);
  }
}

function redirect(reply: FastifyReply, location: string): void {
  seeOther(reply, location);
}

function sendFailure(reply: FastifyReply, status: number, reason: MessageKey): void {
  const page = html`<p>${say(reason)}</p>
    <p><a href="/console/sign-in">${say('signInOnceMore')}</a></p>
    <p><a href="/oauth/account">${say('yourAccount')}</a></p>`;
  sendPage(reply, status, say('notSignedIn'), page);
}
