import { Body, Controller, Get, Post, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { errors } from 'oidc-provider';
import type { Interaction, InteractionResults } from 'oidc-provider';
import { AttemptsService } from '../../auth/attempts.service.js';
import { CalledBy, SCOPE } from '../../auth/called-by.decorator.js';
import { DomainError } from '../../common/errors/errors.js';
import { TEXT_LINE } from '../../common/fields.js';
import { Html, html, sendPage } from '../../common/page.js';
import { PageErrorFilter } from '../../common/errors/page-error.filter.js';
import { SameOriginGuard } from '../../auth/same-origin.guard.js';
import { UsersService } from '../../users/users.service.js';
import { normalizeEmailAddress } from '../../users/user-ref.js';
import { MAX_PASSWORD_LENGTH, PasswordsService } from '../../users/passwords.service.js';
import { OAuthAuditService } from './oauth-audit.service.js';
import { AuthorizationServer } from './authorization-server.js';
import { PATHS } from './paths.js';

/** The pages on which a user signs in and agrees (API.md, section 4). */
@ApiExcludeController()
@Controller(`${PATHS.interaction}/:uid`)
@CalledBy('anyone')
@UseFilters(PageErrorFilter)
export class InteractionsController {
  constructor(
    private readonly server: AuthorizationServer,
    private readonly passwords: PasswordsService,
    private readonly attempts: AttemptsService,
    private readonly users: UsersService,
    private readonly audit: OAuthAuditService,
  ) {}

  @Get()
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const interaction = await this.requireInteraction(request, reply);
    if (interaction.prompt.name === 'login') return this.showSignIn(reply, interaction);
    const [client, user] = await Promise.all([
      this.clientNameOf(interaction),
      this.users.findById(interaction.session?.accountId ?? ''),
    ]);
    sendPage(reply, 200, 'Allow access?', consent(interaction, client, user?.name ?? ''), pageOptions(interaction));
  }

  @Post('login')
  @UseGuards(SameOriginGuard)
  async signIn(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Body() fields: unknown): Promise<void> {
    const interaction = await this.requireInteraction(request, reply);
    const { email, password } = requireCredentials(fields);
    const account = normalizeEmailAddress(email);
    await this.attempts.countSignIn(account, request.ip);
    const { ownerId, passwordFrom } = await this.passwords.check(email, password);
    const clientId = String(interaction.params.client_id);
    if (!ownerId || !passwordFrom) {
      // Also for an address of nobody, in the record of the client's organization: it takes the same time.
      await this.audit.refuse({ event: 'SIGN_IN_FAILED', userId: ownerId, clientId });
      return this.showSignIn(reply, interaction, email);
    }
    await this.attempts.forgetSignIns(account);
    await this.audit.record({ event: 'SIGN_IN_SUCCEEDED', userId: ownerId, clientId });
    // The engine keeps `acr` with the session, and makes no other use of it.
    await this.finish(request, reply, { login: { accountId: ownerId, acr: passwordFrom } });
  }

  @Post('consent')
  @UseGuards(SameOriginGuard)
  async agree(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Body() fields: unknown): Promise<void> {
    const interaction = await this.requireInteraction(request, reply);
    const { accountId } = interaction.session ?? {};
    const clientId = String(interaction.params.client_id);
    const isAllowed = (fields as { answer?: unknown } | undefined)?.answer === 'allow' && accountId !== undefined;
    const event = isAllowed ? 'CONSENT_GIVEN' : 'CONSENT_DENIED';
    await this.audit.record({ event, userId: accountId ?? null, clientId });
    if (!isAllowed)
      return this.finish(request, reply, { error: 'access_denied', error_description: 'The user did not agree.' });
    const { Grant } = this.server.provider;
    const existing = interaction.grantId ? await Grant.find(interaction.grantId) : undefined;
    const grant = existing ?? new Grant({ accountId, clientId });
    grant.addOIDCScope(SCOPE);
    for (const resource of [interaction.params.resource].flat()) grant.addResourceScope(String(resource), SCOPE);
    await this.finish(request, reply, { consent: { grantId: await grant.save() } });
  }

  private async showSignIn(reply: FastifyReply, interaction: Interaction, failedFor?: string): Promise<void> {
    const status = failedFor === undefined ? 200 : 401;
    const page = signIn(interaction, await this.clientNameOf(interaction), failedFor);
    sendPage(reply, status, 'Sign in', page, pageOptions(interaction));
  }

  private async clientNameOf({ params }: Interaction): Promise<string> {
    const client = await this.server.provider.Client.find(String(params.client_id));
    return client?.clientName ?? '';
  }

  private async requireInteraction(request: FastifyRequest, reply: FastifyReply): Promise<Interaction> {
    try {
      const raw = this.server.rewritten(request.raw, request.url);
      return await this.server.provider.interactionDetails(raw, reply.raw);
    } catch (error) {
      if (!(error instanceof errors.SessionNotFound)) throw error;
      throw new DomainError(
        'invalid_request',
        'This page belongs to a sign-in that has ended. Go back to where you came from and start again.',
      );
    }
  }

  private async finish(request: FastifyRequest, reply: FastifyReply, result: InteractionResults): Promise<void> {
    const raw = this.server.rewritten(request.raw, request.url);
    const target = await this.server.provider.interactionResult(raw, reply.raw, result);
    void reply.status(303).headers({ Location: target, 'Cache-Control': 'no-store' }).send();
  }
}

function signIn({ uid, params }: Interaction, client: string, failedFor?: string): Html {
  const email = failedFor ?? String(params.login_hint ?? '');
  const focus = new Html('autofocus');
  return html`${failedFor === undefined ? '' : html`<p role="alert">The e-mail address or the password is wrong.</p>`}
    <p>To go on to <strong>${client}</strong>.</p>
    <form method="post" action="${PATHS.interaction}/${uid}/login">
      <label>E-mail address <input type="email" name="email" value="${email}" required autocomplete="username" ${email ? '' : focus}></label>
      <label>Password <input type="password" name="password" required autocomplete="current-password" ${email ? focus : ''}></label>
      <button type="submit">Sign in</button>
    </form>`;
}

function consent({ uid, params }: Interaction, client: string, user: string): Html {
  return html`<p><strong>${client}</strong> asks to call Latchkey as you, ${user}: with all that your account may see and do here.</p>
    <p>Afterwards you are sent to <code>${new URL(String(params.redirect_uri)).origin}</code>.</p>
    <form method="post" action="${PATHS.interaction}/${uid}/consent">
      <button type="submit" name="answer" value="allow">Allow</button>
      <button type="submit" name="answer" value="deny" class="quiet">Deny</button>
    </form>`;
}

/** Browsers hold the redirects that follow a form against the page's `form-action` too. */
function pageOptions({ params }: Interaction): { referrerPolicy: 'same-origin'; formTargets: string[] } {
  const { origin, protocol } = new URL(String(params.redirect_uri));
  return { referrerPolicy: 'same-origin', formTargets: [origin === 'null' ? protocol : origin] };
}

function requireCredentials(fields: unknown): { email: string; password: string } {
  const { email, password } = (fields ?? {}) as Record<string, unknown>;
  const areTexts = typeof email === 'string' && typeof password === 'string';
  // What is no address, as one with a NUL, is not shown to the database.
  if (!areTexts || email.length > 254 || !TEXT_LINE.test(email) || password.length > MAX_PASSWORD_LENGTH)
    throw new DomainError('invalid_request', 'Give an e-mail address and a password.');
  return { email, password };
}
