import { Body, Controller, Get, Param, Post, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AttemptsService } from '../../limits/attempts.service.js';
import { CalledBy } from '../../auth/called-by.decorator.js';
import { SameOriginGuard } from '../../http/same-origin.guard.js';
import { toIso } from '../../common/clock.js';
import { DomainError } from '../../common/errors/errors.js';
import { requireGivenOnce } from '../../common/errors/given-once.js';
import { PageErrorFilter } from '../../http/page-error.filter.js';
import { IdPipe } from '../../http/id.pipe.js';
import { html, say, sayFault } from '../../http/html.js';
import { sendPage } from '../../http/page.js';
import type { Html } from '../../http/html.js';
import { SUBMIT_ONCE } from '../../http/submit-once.js';
import { MAX_PASSWORD_LENGTH } from '../../users/password-strength.js';
import { Settings } from '../../config/settings.js';
import { PasskeysService } from '../../users/passkeys.service.js';
import { PasswordsService } from '../../users/passwords.service.js';
import { afterPasswordChange } from '../../users/proofs.service.js';
import { RecoveryCodesService } from '../../users/recovery-codes.service.js';
import { UsersService } from '../../users/users.service.js';
import { SignInsService } from '../../sign-ins/sign-ins.service.js';
import type { SignIn } from '../../sign-ins/sign-ins.service.js';
import { AccountSignInsService } from './account-sign-ins.service.js';
import type { CurrentSignIn } from './account-sign-ins.service.js';
import { challengeOf, PASSKEY_SCRIPT, passkeySection } from './passkey-forms.js';
import { faultOf, NEW_PASSWORD_FIELDS, requireNewPassword } from './new-password-form.js';
import { PATHS } from '../protocol/paths.js';
import { signInForm, WRONG_CREDENTIALS } from './sign-in-form.js';
import { requireCredentials, SignInService } from './sign-in.service.js';
import { seeOther } from '../../http/see-other.js';

/**
 * The page of the user who is signed in at the authorization server. It lists where they are signed in, and signs them
 * out.
 */
@ApiExcludeController()
@Controller(PATHS.account)
@CalledBy('anyone')
@UseFilters(PageErrorFilter)
export class AccountController {
  constructor(
    private readonly current: AccountSignInsService,
    private readonly signIns: SignInsService,
    private readonly credentials: SignInService,
    private readonly passwords: PasswordsService,
    private readonly attempts: AttemptsService,
    private readonly users: UsersService,
    private readonly passkeys: PasskeysService,
    private readonly recoveryCodes: RecoveryCodesService,
    private readonly settings: Settings,
  ) {}

  @Get()
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.showPage(request, reply);
  }

  /** Changes the user's own password, and signs them out everywhere else. */
  @Post('password')
  @UseGuards(SameOriginGuard)
  async change(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Body() fields: unknown): Promise<void> {
    const signIn = await this.current.find(request);
    if (!signIn) return showAgain(reply);
    const given = (fields ?? {}) as Record<string, unknown>;
    requireGivenOnce(given, 'current');
    const { current } = given;
    if (typeof current !== 'string' || current.length > MAX_PASSWORD_LENGTH)
      throw new DomainError('invalid_request', 'Give the current password.');
    try {
      const password = requireNewPassword(fields);
      await this.attempts.countSignIn(signIn.userId, request.ip);
      const passwordFrom = await this.passwords.change(signIn.userId, current, password);
      if (passwordFrom === null) throw new DomainError('invalid_password', 'The current password is wrong.');
      await this.attempts.rememberSignIn(signIn.userId, request.ip);
      await this.current.start(request, reply, {
        userId: signIn.userId,
        proof: afterPasswordChange(signIn.proof, passwordFrom),
      });
    } catch (error) {
      return this.showPage(request, reply, faultOf(error));
    }
    const page = html`<p>${say('signedOutElsewhere')}</p>
      <p><a href="${PATHS.account}">${say('yourAccount')}</a></p>`;
    sendPage(reply, 200, say('passwordChanged'), page);
  }

  @Post('login')
  @UseGuards(SameOriginGuard)
  async signIn(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Body() fields: unknown): Promise<void> {
    const given = requireCredentials(fields);
    const signedIn = await this.credentials.check(given, { address: request.ip, clientId: null });
    if (signedIn?.worth === 'passkey_required') return sendPage(reply, 403, say('useYourPasskey'), PASSKEY_ELSEWHERE);
    if (!signedIn || signedIn.worth === 'invalid')
      return sendPage(reply, 401, say('signIn'), html`${WRONG_CREDENTIALS}${signInForm(LOGIN, given.email)}`, OPTIONS);
    await this.current.start(request, reply, signedIn);
    showAgain(reply);
  }

  @Post('logout')
  @UseGuards(SameOriginGuard)
  async signOut(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.current.end(request, reply);
    showAgain(reply);
  }

  /** Signs the user out elsewhere. It does nothing if the sign-in is somebody else's. */
  @Post('sign-ins/:uid/end')
  @UseGuards(SameOriginGuard)
  async end(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('uid', IdPipe) uid: string,
  ): Promise<void> {
    const signIn = await this.current.find(request);
    if (signIn) await this.signIns.endOne(signIn.userId, uid);
    showAgain(reply);
  }

  private async passkeySection(
    { query }: FastifyRequest,
    { userId, secret, isRecent }: CurrentSignIn,
    { name, emailAddress }: { name: string; emailAddress?: string },
  ): Promise<Html> {
    if (!this.settings.allowsPasskeys) return html``;
    const [passkeys, codes, options] = await Promise.all([
      this.passkeys.listOf(userId),
      this.recoveryCodes.countOf(userId),
      this.passkeys.creationOptions({ id: userId, name, emailAddress }, challengeOf('make', secret)),
    ]);
    const { continue: interaction } = query as Record<string, unknown>;
    const suffix = typeof interaction === 'string' ? `?continue=${encodeURIComponent(interaction)}` : '';
    return passkeySection({ passkeys, codes, canChange: isRecent, options, suffix });
  }

  private async showPage(request: FastifyRequest, reply: FastifyReply, fault?: string): Promise<void> {
    const signIn = await this.current.find(request);
    const user = signIn && (await this.users.findById(signIn.userId));
    if (!user) return sendPage(reply, 200, say('signIn'), signInForm(LOGIN), OPTIONS);
    const page = html`${signedIn(user.name)}${signIn.worth === 'passkey_missing' ? PASSKEY_MISSING : ''}
      ${listed(await this.signIns.list(user.id), signIn.uid)}
      ${await this.passkeySection(request, signIn, user)}
      ${passwordForm(fault)}`;
    sendPage(reply, fault === undefined ? 200 : 400, say('yourAccount'), page, OPTIONS);
  }
}

const PASSKEY_MISSING = html`<p role="alert">${say('passkeyMissing')}</p>`;

const PASSKEY_ELSEWHERE = html`<p>${say('passkeyElsewhere')}</p>
  <p><a href="/console">${say('openConsole')}</a></p>`;

const LOGIN = `${PATHS.account}/login`;

/** Browsers without Sec-Fetch-Site send `Origin: null` with a form if the page sends no referrer. */
const OPTIONS = { referrerPolicy: 'same-origin', scripts: [SUBMIT_ONCE, PASSKEY_SCRIPT] } as const;

function showAgain(reply: FastifyReply): void {
  seeOther(reply, PATHS.account);
}

function signedIn(name: string): Html {
  return html`<p>${say('signedInForApplications', { name: html`<strong>${name}</strong>` })}</p>
    <form method="post" action="${PATHS.account}/logout"><button type="submit">${say('signOut')}</button></form>`;
}

function passwordForm(fault?: string): Html {
  return html`<h2>${say('yourPassword')}</h2>
    ${fault === undefined ? '' : html`<p role="alert">${sayFault(fault)}</p>`}
    <form method="post" action="${PATHS.account}/password">
      <label>${say('currentPassword')} <input type="password" name="current" required autocomplete="current-password"></label>
      ${NEW_PASSWORD_FIELDS}
      <button type="submit">${say('changePassword')}</button>
    </form>`;
}

function listed(signIns: SignIn[], current: string): Html {
  return html`<h2>${say('signedInWhere')}</h2>
    <ul class="cards">
      ${signIns.map((signIn) => card(signIn, signIn.uid === current))}
    </ul>`;
}

function card({ uid, signedInAt }: SignIn, isCurrent: boolean): Html {
  const since = say('since', { time: `${toIso(signedInAt).slice(0, 16).replace('T', ' ')} UTC` });
  return html`<li>
    <div id="s-${uid}">${since}${isCurrent ? html` <mark>${say('thisBrowser')}</mark>` : ''}</div>
    ${isCurrent ? '' : endForm(uid)}
  </li>`;
}

function endForm(uid: string): Html {
  return html`<form method="post" action="${PATHS.account}/sign-ins/${uid}/end">
    <button type="submit" class="quiet" id="e-${uid}" aria-labelledby="e-${uid} s-${uid}">${say('end')}</button>
  </form>`;
}
