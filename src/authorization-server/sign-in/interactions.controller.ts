import { Body, Controller, Get, Post, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Interaction } from 'oidc-provider';
import { CalledBy } from '../../auth/called-by.decorator.js';
import { SameOriginGuard } from '../../http/same-origin.guard.js';
import { requireGivenOnce } from '../../common/errors/given-once.js';
import { PageErrorFilter } from '../../http/page-error.filter.js';
import { UsersService } from '../../users/users.service.js';
import { SignInCookies } from '../../sign-ins/sign-in-cookies.js';
import { SignInsService } from '../../sign-ins/sign-ins.service.js';
import { InteractionConsent } from './interaction-consent.js';
import { sendChoicePage, sendConsentPage, sendSignInPage } from './interaction-pages.js';
import { InteractionSignIn } from './interaction-sign-in.js';
import { InteractionsService, startAgain } from './interactions.service.js';
import { PATHS } from '../protocol/paths.js';
import { requireCredentials, SignInService } from './sign-in.service.js';
import { StartAgainFilter } from './start-again.filter.js';

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
  ) {}

  @Get()
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const interaction = await this.interactions.require(request, reply, { isAnswer: false });
    if (interaction.prompt.name === 'login') return this.showSignIn(reply, interaction);
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
    const signedIn = await this.credentials.check(given, request.ip, String(interaction.params.client_id));
    if (!signedIn) return this.showSignIn(reply, interaction, given.email);
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
    throw startAgain(interaction);
  }

  private async showSignIn(reply: FastifyReply, interaction: Interaction, failedFor?: string): Promise<void> {
    sendSignInPage(reply, interaction, await this.interactions.clientOf(interaction), failedFor);
  }
}
