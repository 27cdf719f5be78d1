import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { ClientsModule } from '../clients/clients.module.js';
import { LimitsModule } from '../limits/limits.module.js';
import { RecordFeedModule } from '../record-feed/record-feed.module.js';
import { UsersModule } from '../users/users.module.js';
import { DeliveryStore } from './delivery-store.js';
import { WebhookConnectionsService } from './webhook-connections.service.js';
import { WebhookDeliveryService } from './webhook-delivery.service.js';
import { WebhookKeySeal } from './webhook-key-seal.js';
import { WebhookKeysService } from './webhook-keys.service.js';
import { WebhookTestsService } from './webhook-tests.service.js';
import { WebhookListController, WebhooksController } from './webhooks.controller.js';
import { WebhooksPolicy } from './webhooks.policy.js';
import { WebhooksService } from './webhooks.service.js';

@Module({
  imports: [AuditModule, ClientsModule, LimitsModule, RecordFeedModule, UsersModule],
  controllers: [WebhookListController, WebhooksController],
  providers: [
    DeliveryStore,
    WebhookConnectionsService,
    WebhookDeliveryService,
    WebhookKeySeal,
    WebhookKeysService,
    WebhooksPolicy,
    WebhooksService,
    WebhookTestsService,
  ],
  exports: [WebhookDeliveryService, WebhookKeysService, WebhooksService],
})
export class WebhooksModule {}
