import { Module } from '@nestjs/common';
import { LimitsModule } from '../limits/limits.module.js';
import { ClientsModule } from '../clients/clients.module.js';
import { OriginClaimsService } from './origin-claims.service.js';
import { OriginListController, OriginsController } from './origins.controller.js';

@Module({
  imports: [LimitsModule, ClientsModule],
  controllers: [OriginListController, OriginsController],
  providers: [OriginClaimsService],
})
export class OriginsModule {}
