import { Module } from '@nestjs/common';
import { LimitsModule } from '../auth/limits.module.js';
import { ClientsModule } from '../oauth/clients.module.js';
import { OriginClaimsService } from './origin-claims.service.js';
import { OriginListController, OriginsController } from './origins.controller.js';

@Module({
  imports: [LimitsModule, ClientsModule],
  controllers: [OriginListController, OriginsController],
  providers: [OriginClaimsService],
})
export class OriginsModule {}
