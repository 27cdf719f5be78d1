import { Module } from '@nestjs/common';
import { AccessModule } from '../access/access.module.js';
import { AuditModule } from '../audit/audit.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { GaugesService } from './gauges.service.js';
import { MetricsServer } from './metrics-server.js';

@Module({ imports: [AccessModule, AuditModule, TokensModule], providers: [GaugesService, MetricsServer] })
export class MonitoringModule {}
