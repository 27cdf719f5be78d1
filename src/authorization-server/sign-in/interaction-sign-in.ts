import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Interaction } from 'oidc-provider';
import { Clock, toNumericDate } from '../../common/clock.js';
import { SignInCookies } from '../../sign-ins/sign-in-cookies.js';
import { SignInsService } from '../../sign-ins/sign-ins.service.js';
import { handleOf } from '../protocol/session-names.js';
import { InteractionsService } from './interactions.service.js';
import type { SignedIn } from './sign-in.service.js';

/** Continues an interaction after somebody has signed in. */
@Injectable()
export class InteractionSignIn {
  constructor(
    private readonly interactions: InteractionsService,
    private readonly signIns: SignInsService,
    private readonly cookies: SignInCookies,
    private readonly clock: Clock,
  ) {}

  async finish(
    request: FastifyRequest,
    reply: FastifyReply,
    interaction: Interaction,
    { userId, proof }: SignedIn,
  ): Promise<void> {
    // Whoever was signed in before is signed out. Otherwise the engine would ask them first, on a page that does not
    // exist here. A delegated session has no part in what somebody signs in for.
    const { session } = interaction;
    if (session && (session.accountId !== userId || handleOf(session.uid) !== null)) {
      delete interaction.session;
      await interaction.persist();
    }
    const next = { account: userId, interaction: interaction.uid };
    await this.signIns.signOut(this.cookies.read(request.headers), next);
    // The engine stores `acr` with the session and does not use it otherwise. `remember` would let the cookie outlive
    // the browser.
    const login = { accountId: userId, acr: proof, ts: toNumericDate(this.clock.now()), remember: false };
    await this.interactions.finish(request, reply, interaction, { login, select_account: {} });
  }
}
