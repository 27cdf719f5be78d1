import { Body, Controller, Get, Header, Post, Query, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CalledBy } from '../../auth/called-by.decorator.js';
import { DomainError } from '../../common/errors/errors.js';
import { TEXT_LINE } from '../../common/fields.js';
import { Database } from '../../database/database.js';
import { html, say } from '../../http/html.js';
import { sendPage } from '../../http/page.js';
import type { Html } from '../../http/html.js';
import { PageErrorFilter } from '../../http/page-error.filter.js';
import { SameOriginGuard } from '../../http/same-origin.guard.js';
import { User } from '../../schema/entities/user.entity.js';
import { PasskeysService } from '../../users/passkeys.service.js';
import { ProofsService } from '../../users/proofs.service.js';
import { RecoveryCodesService } from '../../users/recovery-codes.service.js';
import { PATHS } from '../protocol/paths.js';
import { AccountSignInsService } from './account-sign-ins.service.js';
import type { CurrentSignIn } from './account-sign-ins.service.js';
import { challengeOf, PASSKEY_SCRIPT, passkeyScript, recoveryCodes } from './passkey-forms.js';
import { requireText } from './sign-in.service.js';
import { seeOther } from '../../http/see-other.js';

/** Longest name of a passkey, in characters. */
const MAX_NAME = 100;

/** The passkeys and recovery codes of the user who is signed in at the authorization server. */
@ApiExcludeController()
@Controller()
@CalledBy('anyone')
@UseFilters(PageErrorFilter)
export class AccountPasskeysController {
  private script?: string;

  constructor(
    private readonly current: AccountSignInsService,
    private readonly passkeys: PasskeysService,
    private readonly recoveryCodes: RecoveryCodesService,
    private readonly proofs: ProofsService,
    private readonly database: Database,
  ) {}

  @Get(PASSKEY_SCRIPT)
  @Header('Content-Type', 'text/javascript; charset=utf-8')
  @Header('Cache-Control', 'public, max-age=86400')
  serveScript(): string {
    return (this.script ??= passkeyScript());
  }

  @Post(`${PATHS.account}/passkeys`)
  @UseGuards(SameOriginGuard)
  async add(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body() fields: unknown,
    @Query('continue') interaction: unknown,
  ): Promise<void> {
    const { userId, secret } = await this.requireRecent(request);
    const response = requireText(fields, 'response', 'the answer of the browser');
    const name = requireText(fields, 'name', 'a name for the passkey').trim();
    if (!TEXT_LINE.test(name) || name.length > MAX_NAME)
      throw new DomainError('invalid_request', `Give a name of at most ${MAX_NAME} characters.`);
    const codes = await this.passkeys.add(userId, name, response, challengeOf('make', secret));
    const page = html`<p>${say('signInWithPasskey')}</p>
      ${codes ? html`<h2>${say('yourCodes')}</h2>${recoveryCodes(codes)}` : ''}
      ${wayOn(interaction)}`;
    sendPage(reply, 200, say('passkeyAdded'), page);
  }

  /** Removes a passkey, and signs the user out everywhere else. */
  @Post(`${PATHS.account}/passkeys/remove`)
  @UseGuards(SameOriginGuard)
  async remove(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Body() fields: unknown): Promise<void> {
    const { userId, proof } = await this.requireRecent(request);
    const id = requireText(fields, 'id', 'the passkey');
    await this.database.transaction(async (db) => {
      const user = await db.findOneByOrFail(User, { id: userId });
      await this.passkeys.remove(db, user, id, { userId });
    });
    // Whoever has signed in with this passkey is signed out here too.
    if ((await this.proofs.worthOf(userId, proof)) === 'enough' && proof !== undefined)
      await this.current.start(request, reply, { userId, proof });
    seeOther(reply, PATHS.account);
  }

  @Post(`${PATHS.account}/recovery-codes`)
  @UseGuards(SameOriginGuard)
  async replaceCodes(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { userId } = await this.requireRecent(request);
    if ((await this.passkeys.listOf(userId)).length === 0)
      throw new DomainError('invalid_request', 'Add a passkey first. Recovery codes take its place.');
    const codes = await this.database.transaction(async (db) =>
      this.recoveryCodes.replace(db, await db.findOneByOrFail(User, { id: userId })),
    );
    const page = html`<p>${say('earlierCodes')}</p>${recoveryCodes(codes)}${wayOn(undefined)}`;
    sendPage(reply, 200, say('yourCodes'), page);
  }

  private async requireRecent(request: FastifyRequest): Promise<CurrentSignIn> {
    const signIn = await this.current.find(request);
    if (!signIn) throw new DomainError('not_authenticated', 'Your sign-in has ended. Sign in again.');
    if (!signIn.isRecent)
      throw new DomainError('not_authorized', 'You signed in a while ago. Sign out and in again to change this.');
    return signIn;
  }
}

/** Back to the sign-in that asked for a passkey, or to the page of the account. */
function wayOn(interaction: unknown): Html {
  return typeof interaction === 'string' && /^[\w-]{1,64}$/.test(interaction)
    ? html`<p><a href="${PATHS.interaction}/${interaction}">${say('continueToSignIn')}</a></p>`
    : html`<p><a href="${PATHS.account}">${say('yourAccount')}</a></p>`;
}
