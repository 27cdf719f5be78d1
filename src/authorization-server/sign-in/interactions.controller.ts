import { Body, Controller, Get, Post, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Interaction } from 'oidc-provider';
import { CalledBy } from '../../auth/called-by.decorator.js';
import { SameOriginGuard } from '../../http/same-origin.guard.js';
import { requireGivenOnce } from '../../common/errors/given-once.js';
import { PageErrorFilter } from '../../http/page-error.filter.js';
import { Settings } from '../../config/settings.js';
import { PasskeysService } from '../../users/passkeys.service.js';
import { UsersService } from '../../users/users.service.js';
import { SignInCookies } from '../../sign-ins/sign-in-cookies.js';
import { SignInsService } from '../../sign-ins/sign-ins.service.js';
import { InteractionConsent } from './interaction-consent.js';
import { AccountSignInsService } from './account-sign-ins.service.js';
import { sendChoicePage, sendConsentPage, sendPasskeyPage, sendSignInPage } from './interaction-pages.js';
import type { SignInPage } from './interaction-pages.js';
import { InteractionSignIn } from './interaction-sign-in.js';
import { InteractionsService, startAgain } from './interactions.service.js';
import { SessionCookie } from '../../sessions/live/session-cookie.js';
import { SessionsService } from '../../sessions/live/sessions.service.js';
import { PATHS } from '../protocol/paths.js';
import { handleOf } from '../protocol/session-names.js';
import { requireCredentials, requireText, SignInService } from './sign-in.service.js';
import type { Place } from './sign-in.service.js';
import { StartAgainFilter } from './start-again.filter.js';
import { seeOther } from '../../http/see-other.js';

/** The pages on which a user signs in and agrees (docs/api.md, section 12.6). */
@ApiExcludeController()
@Controller(`${PATHS.interaction}/:uid`)
@CalledBy('anyone')
@UseFilters(PageErrorFilter, StartAgainFilter)
export class InteractionsController {
  constructor(
    private readonly interactions: InteractionsService,
    private readonly signIns: SignInsService,
    private readonly credentials: SignInService,
    private readonly signIn: InteractionSignIn,
    private readonly consent: InteractionConsent,
    private readonly cookies: SignInCookies,
    private readonly users: UsersService,
    private readonly account: AccountSignInsService,
    private readonly passkeys: PasskeysService,
    private readonly sessions: SessionsService,
    private readonly sessionCookie: SessionCookie,
    private readonly settings: Settings,
  ) {}

  @Get()
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const interaction = await this.interactions.require(request, reply, { isAnswer: false });
    if (interaction.prompt.name === 'login') return this.showSignIn(request, reply, interaction);
    const [client, user] = await Promise.all([
      this.interactions.clientOf(interaction),
      this.users.findById(interaction.session?.accountId ?? ''),
    ]);
    const send = interaction.prompt.name === 'select_account' ? sendChoicePage : sendConsentPage;
    send(reply, interaction, client, user?.name ?? '');
  }

  @Post('login')
  @UseGuards(SameOriginGuard)
  async signInWithPassword(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body() fields: unknown,
  ): Promise<void> {
    const interaction = await this.interactions.require(request, reply, { prompts: ['login'], isAnswer: true });
    const given = requireCredentials(fields);
    const signedIn = await this.credentials.check(given, placeOf(request, interaction));
    if (!signedIn || signedIn.worth === 'invalid')
      return this.showSignIn(request, reply, interaction, { email: given.email });
    if (signedIn.worth === 'enough') return this.signIn.finish(request, reply, interaction, signedIn);
    if (signedIn.worth === 'passkey_required') return this.askForPasskey(request, reply, interaction, given.email);
    // The page of the account is open to them, so that they can add a passkey there.
    await this.account.start(request, reply, signedIn);
    const location = `${PATHS.account}?continue=${interaction.uid}`;
    seeOther(reply, location);
  }

  @Post('passkey')
  @UseGuards(SameOriginGuard)
  async signInWithPasskey(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body() fields: unknown,
  ): Promise<void> {
    const interaction = await this.interactions.require(request, reply, { prompts: ['login'], isAnswer: true });
    const response = requireText(fields, 'response', 'the answer of the browser');
    const challenge = this.interactions.challengeOf(request, interaction);
    const signedIn = await this.credentials.checkPasskey(response, challenge, placeOf(request, interaction));
    if (!signedIn) return this.showSignIn(request, reply, interaction, 'passkey');
    await this.signIn.finish(request, reply, interaction, signedIn);
  }

  /** Signs in with the password and a recovery code, in place of a passkey. */
  @Post('recovery')
  @UseGuards(SameOriginGuard)
  async recover(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Body() fields: unknown): Promise<void> {
    const interaction = await this.interactions.require(request, reply, { prompts: ['login'], isAnswer: true });
    const given = requireCredentials(fields);
    const code = requireText(fields, 'code', 'a recovery code');
    const signedIn = await this.credentials.recover(given, code, placeOf(request, interaction));
    if (!signedIn) return this.askForPasskey(request, reply, interaction, given.email, true);
    await this.signIn.finish(request, reply, interaction, signedIn);
  }

  @Post('consent')
  @UseGuards(SameOriginGuard)
  async agree(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Body() fields: unknown): Promise<void> {
    const interaction = await this.interactions.require(request, reply, { prompts: ['consent'], isAnswer: true });
    const given = (fields ?? {}) as Record<string, unknown>;
    requireGivenOnce(given, 'answer');
    await this.consent.answer(request, reply, interaction, given.answer === 'allow');
  }

  /** Continues as the user who is signed in. */
  @Post('continue')
  @UseGuards(SameOriginGuard)
  async choose(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const interaction = await this.interactions.require(request, reply, {
      prompts: ['select_account'],
      isAnswer: true,
    });
    await this.interactions.finish(request, reply, interaction, { select_account: {} });
  }

  /** Signs the user out, and asks for another sign-in for the same request. */
  @Post('switch')
  @UseGuards(SameOriginGuard)
  async switch(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const interaction = await this.interactions.require(request, reply, { isAnswer: true });
    await this.signIns.signOut(this.cookies.read(request.headers));
    this.cookies.clear(reply);
    // Whoever says that they are somebody else also leaves the session that a host has started for another user.
    if (handleOf(interaction.session?.uid) !== null) {
      await this.sessions.end(this.sessionCookie.readOrdinary(request));
      this.sessionCookie.clear(reply, false);
    }
    throw startAgain(interaction);
  }

  private async showSignIn(
    request: FastifyRequest,
    reply: FastifyReply,
    interaction: Interaction,
    failed?: SignInPage['failed'],
  ): Promise<void> {
    const [client, passkeyOptions] = await Promise.all([
      this.interactions.clientOf(interaction),
      this.passkeyOptions(request, interaction),
    ]);
    sendSignInPage(reply, interaction, { client, passkeyOptions, failed });
  }

  private async askForPasskey(
    request: FastifyRequest,
    reply: FastifyReply,
    interaction: Interaction,
    email: string,
    hasFailed = false,
  ): Promise<void> {
    const passkeyOptions = await this.passkeyOptions(request, interaction);
    sendPasskeyPage(reply, interaction, { email, passkeyOptions: passkeyOptions ?? {}, hasFailed });
  }

  private async passkeyOptions(request: FastifyRequest, interaction: Interaction): Promise<object | null> {
    if (!this.settings.allowsPasskeys) return null;
    return this.passkeys.requestOptions(this.interactions.challengeOf(request, interaction));
  }
}

function placeOf({ ip }: FastifyRequest, { params }: Interaction): Place {
  return { address: ip, clientId: String(params.client_id) };
}
