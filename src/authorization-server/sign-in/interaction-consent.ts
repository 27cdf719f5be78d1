import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Interaction } from 'oidc-provider';
import { SCOPE } from '../../auth/called-by.decorator.js';
import { AuthorizationServer } from '../engine/authorization-server.js';
import { claimsAskedFor } from '../protocol/openid.js';
import { InteractionsService } from './interactions.service.js';
import { OAuthAuditService } from '../protocol/oauth-audit.service.js';

/** Carries out the user's answer to a client that asks for access. */
@Injectable()
export class InteractionConsent {
  constructor(
    private readonly server: AuthorizationServer,
    private readonly interactions: InteractionsService,
    private readonly audit: OAuthAuditService,
  ) {}

  async answer(
    request: FastifyRequest,
    reply: FastifyReply,
    interaction: Interaction,
    doesAllow: boolean,
  ): Promise<void> {
    const { accountId } = interaction.session ?? {};
    const clientId = String(interaction.params.client_id);
    const isAllowed = doesAllow && accountId !== undefined;
    const event = isAllowed ? 'CONSENT_GIVEN' : 'CONSENT_DENIED';
    await this.audit.record({ event, userId: accountId ?? null, clientId });
    if (!isAllowed) {
      const denied = { error: 'access_denied', error_description: 'The user did not agree.' };
      return this.interactions.finish(request, reply, interaction, denied);
    }
    const { Grant } = this.server.provider;
    // Each installation of a client has its own grant, even if the user has agreed for another one before.
    const grant = new Grant({ accountId, clientId });
    grant.addOIDCScope(String(interaction.params.scope));
    // The user has seen no others. Whoever asks for more later, asks them again.
    grant.addOIDCClaims(claimsAskedFor(interaction.params));
    for (const resource of [interaction.params.resource].flat()) grant.addResourceScope(String(resource), SCOPE);
    await this.interactions.finish(request, reply, interaction, { consent: { grantId: await grant.save() } });
  }
}
