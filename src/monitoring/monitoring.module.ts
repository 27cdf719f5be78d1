import { Module } from '@nestjs/common';
import { AccessModule } from '../access/access.module.js';
import { AuditModule } from '../audit/audit.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { WebhooksModule } from '../webhooks/webhooks.module.js';
import { GaugesService } from './gauges.service.js';
import { MetricsServer } from './metrics-server.js';

@Module({
  imports: [AccessModule, AuditModule, TokensModule, WebhooksModule],
  providers: [GaugesService, MetricsServer],
})
export class MonitoringModule {}
