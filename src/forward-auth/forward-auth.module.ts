import { Module } from '@nestjs/common';
import { LimitsModule } from '../limits/limits.module.js';
import { ClientsModule } from '../clients/clients.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { IdentityHeadersService } from './identity-headers.service.js';
import { DeepLinksService } from './deep-links.service.js';
import { ForwardAuthService } from './forward-auth.service.js';
import { SiteVisitorsService } from './site-visitors.service.js';

@Module({
  imports: [LimitsModule, ClientsModule, TokensModule, SessionsModule],
  providers: [IdentityHeadersService, DeepLinksService, ForwardAuthService, SiteVisitorsService],
})
export class ForwardAuthModule {}
