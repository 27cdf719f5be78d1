import { Injectable } from '@nestjs/common';
import { InjectEntityManager } from '@nestjs/typeorm';
import type { EntityManager } from 'typeorm';
import type { Caller } from '../common/caller.js';
import { Clock } from '../common/clock.js';
import { pauseDeadline } from '../common/deadline.js';
import { newId } from '../common/id.js';
import { AttemptsService } from '../limits/attempts.service.js';
import type { WebhookTestDto } from './dto/webhook.dto.js';
import { requireWebhook } from './require-webhook.js';
import { WebhookConnectionsService } from './webhook-connections.service.js';
import { findSigning } from './webhook-keys.service.js';
import { testMessage } from './webhook-message.js';
import { sendMessage } from './webhook-sender.js';
import { WebhooksPolicy } from './webhooks.policy.js';

/** Tries an endpoint for whoever administers it. */
@Injectable()
export class WebhookTestsService {
  constructor(
    @InjectEntityManager() private readonly db: EntityManager,
    private readonly policy: WebhooksPolicy,
    private readonly attempts: AttemptsService,
    private readonly connections: WebhookConnectionsService,
    private readonly clock: Clock,
  ) {}

  /** Sends a test, and says what the endpoint said. @throws DomainError `not_permitted`, `not_found`, `too_many_requests` */
  async run(caller: Caller, id: string): Promise<WebhookTestDto> {
    const organizationId = await this.policy.requireMaySee(caller);
    const { url } = await requireWebhook(this.db, organizationId, id);
    await this.attempts.countWebhookTest(organizationId);
    const now = this.clock.now();
    const keys = this.connections.signersOf(await findSigning(this.db, id, now));
    const connections = this.connections.open(url, 1);
    try {
      const sending = sendMessage(testMessage(id, newId(), now), keys, connections, this.clock);
      const { delivered, status, error } = await pauseDeadline(sending);
      return { delivered, status, error };
    } finally {
      connections.close();
    }
  }
}
