import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { ClientsModule } from '../clients/clients.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { ApplicationListsService } from './application-lists.service.js';
import { ApplicationSessionsService } from './application-sessions.service.js';
import { ApplicationsController } from './applications.controller.js';
import { LandingsService } from './landings.service.js';
import { LogoutNoticesService } from './logout-notices.service.js';
import { LogoutTokenService } from './logout-token.service.js';

@Module({
  imports: [AuditModule, ClientsModule, TokensModule],
  controllers: [ApplicationsController],
  providers: [
    ApplicationListsService,
    ApplicationSessionsService,
    LandingsService,
    LogoutNoticesService,
    LogoutTokenService,
  ],
  exports: [ApplicationListsService, ApplicationSessionsService, LandingsService, LogoutNoticesService],
})
export class ApplicationsModule {}
