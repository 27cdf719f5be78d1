import { Body, Controller, Get, Post, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Interaction } from 'oidc-provider';
import { CalledBy, SCOPE } from '../../auth/called-by.decorator.js';
import { SameOriginGuard } from '../../http/same-origin.guard.js';
import { Clock, toNumericDate } from '../../common/clock.js';
import { html, sendPage } from '../../http/page.js';
import type { Html, PageOptions } from '../../http/page.js';
import { PageErrorFilter } from '../../http/page-error.filter.js';
import { SUBMIT_ONCE } from '../../http/submit-once.js';
import { UsersService } from '../../users/users.service.js';
import { SignInCookies } from '../../sign-ins/sign-in-cookies.js';
import { SignInsService } from '../../sign-ins/sign-ins.service.js';
import { OAuthAuditService } from '../protocol/oauth-audit.service.js';
import { AuthorizationServer } from '../engine/authorization-server.js';
import { InteractionsService, startAgain } from './interactions.service.js';
import type { NamedClient } from './interactions.service.js';
import { PATHS } from '../protocol/paths.js';
import { signInForm, WRONG_CREDENTIALS } from './sign-in-form.js';
import { requireCredentials, SignInService } from './sign-in.service.js';
import { StartAgainFilter } from './start-again.filter.js';

/** The pages on which a user signs in and agrees (docs/api.md, section 12.6). */
@ApiExcludeController()
@Controller(`${PATHS.interaction}/:uid`)
@CalledBy('anyone')
@UseFilters(PageErrorFilter, StartAgainFilter)
export class InteractionsController {
  constructor(
    private readonly server: AuthorizationServer,
    private readonly interactions: InteractionsService,
    private readonly signIns: SignInsService,
    private readonly credentials: SignInService,
    private readonly cookies: SignInCookies,
    private readonly users: UsersService,
    private readonly audit: OAuthAuditService,
    private readonly clock: Clock,
  ) {}

  @Get()
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const interaction = await this.interactions.require(request, reply, { isAnswer: false });
    if (interaction.prompt.name === 'login') return this.showSignIn(reply, interaction);
    const [client, user] = await Promise.all([
      this.interactions.clientOf(interaction),
      this.users.findById(interaction.session?.accountId ?? ''),
    ]);
    const isChoice = interaction.prompt.name === 'select_account';
    const page = (isChoice ? choice : consent)(interaction, client, user?.name ?? '');
    sendPage(reply, 200, isChoice ? 'Choose an account' : 'Allow access?', page, pageOptions(interaction));
  }

  @Post('login')
  @UseGuards(SameOriginGuard)
  async signIn(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Body() fields: unknown): Promise<void> {
    const interaction = await this.interactions.require(request, reply, { prompts: ['login'], isAnswer: true });
    const given = requireCredentials(fields);
    const signedIn = await this.credentials.check(given, request.ip, String(interaction.params.client_id));
    if (!signedIn) return this.showSignIn(reply, interaction, given.email);
    const { userId, passwordFrom } = signedIn;
    // Whoever was signed in before is not any more: the engine would ask them first, on a page that it does not have here.
    if (interaction.session && interaction.session.accountId !== userId) {
      delete interaction.session;
      await interaction.persist();
    }
    await this.signIns.endSession(this.cookies.read(request.headers).session, { unlessOf: userId });
    // The engine keeps `acr` with the session, and makes no other use of it. `remember` would let the cookie outlive the browser.
    const login = { accountId: userId, acr: passwordFrom, ts: toNumericDate(this.clock.now()), remember: false };
    await this.interactions.finish(request, reply, interaction, { login, select_account: {} });
  }

  @Post('consent')
  @UseGuards(SameOriginGuard)
  async agree(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Body() fields: unknown): Promise<void> {
    const interaction = await this.interactions.require(request, reply, { prompts: ['consent'], isAnswer: true });
    const { accountId } = interaction.session ?? {};
    const clientId = String(interaction.params.client_id);
    const isAllowed = (fields as { answer?: unknown } | undefined)?.answer === 'allow' && accountId !== undefined;
    const event = isAllowed ? 'CONSENT_GIVEN' : 'CONSENT_DENIED';
    await this.audit.record({ event, userId: accountId ?? null, clientId });
    if (!isAllowed) {
      const denied = { error: 'access_denied', error_description: 'The user did not agree.' };
      return this.interactions.finish(request, reply, interaction, denied);
    }
    const { Grant } = this.server.provider;
    // Its own, also where the user has agreed before for another installation of the client.
    const grant = new Grant({ accountId, clientId });
    grant.addOIDCScope(SCOPE);
    for (const resource of [interaction.params.resource].flat()) grant.addResourceScope(String(resource), SCOPE);
    await this.interactions.finish(request, reply, interaction, { consent: { grantId: await grant.save() } });
  }

  /** Goes on as whoever is signed in. */
  @Post('continue')
  @UseGuards(SameOriginGuard)
  async choose(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const interaction = await this.interactions.require(request, reply, {
      prompts: ['select_account'],
      isAnswer: true,
    });
    await this.interactions.finish(request, reply, interaction, { select_account: {} });
  }

  /** Signs out, and asks somebody else to sign in for the same. */
  @Post('switch')
  @UseGuards(SameOriginGuard)
  async switch(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const interaction = await this.interactions.require(request, reply, { isAnswer: true });
    await this.signIns.endSession(this.cookies.read(request.headers).session);
    this.cookies.clear(reply);
    throw startAgain(interaction);
  }

  private async showSignIn(reply: FastifyReply, interaction: Interaction, failedFor?: string): Promise<void> {
    const status = failedFor === undefined ? 200 : 401;
    const page = signIn(interaction, await this.interactions.clientOf(interaction), failedFor);
    sendPage(reply, status, 'Sign in', page, pageOptions(interaction));
  }
}

function signIn({ uid, params }: Interaction, client: NamedClient, failedFor?: string): Html {
  return html`${failedFor === undefined ? '' : WRONG_CREDENTIALS}
    <p>To go on to ${named(client)}.</p>
    ${signInForm(`${PATHS.interaction}/${uid}/login`, failedFor ?? String(params.login_hint ?? ''))}
    <p><a href="${PATHS.account}">Your account</a></p>`;
}

function consent({ uid, params }: Interaction, client: NamedClient, user: string): Html {
  // The second half of a double click on the page before answers nothing here.
  return html`<div class="settling"><p>${named(client)} asks to call Latchkey as you, ${user}: with all that your account may see and do here.</p>
    <p>Afterwards you are sent to <code>${new URL(String(params.redirect_uri)).origin}</code>.</p>
    <form method="post" action="${PATHS.interaction}/${uid}/consent">
      <button type="submit" name="answer" value="allow">Allow</button>
      <button type="submit" name="answer" value="deny" class="quiet">Deny</button>
    </form>
    ${switchForm(uid, `Not ${user}? Sign in as somebody else`)}
    <p><a href="${PATHS.account}">Your account</a></p></div>`;
}

function choice({ uid }: Interaction, client: NamedClient, user: string): Html {
  return html`<p>To go on to ${named(client)}. You are signed in as ${user}.</p>
    <form method="post" action="${PATHS.interaction}/${uid}/continue">
      <button type="submit">Continue as ${user}</button>
    </form>
    ${switchForm(uid, 'Sign in as somebody else')}`;
}

function named({ name, organization }: NamedClient): Html {
  return html`<strong>${name}</strong> of ${organization}`;
}

function switchForm(uid: string, label: string): Html {
  return html`<form method="post" action="${PATHS.interaction}/${uid}/switch">
    <p><button type="submit" class="quiet">${label}</button></p>
  </form>`;
}

/** Browsers hold the redirects that follow a form against the page's `form-action` too. */
function pageOptions({ params }: Interaction): PageOptions {
  const { origin, protocol } = new URL(String(params.redirect_uri));
  return { referrerPolicy: 'same-origin', script: SUBMIT_ONCE, formTargets: [origin === 'null' ? protocol : origin] };
}
