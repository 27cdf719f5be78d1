import { Module } from '@nestjs/common';
import { LimitsModule } from '../auth/limits.module.js';
import { ClientsModule } from '../oauth/clients.module.js';
import { TokensModule } from '../oauth/tokens.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { AssertionsService } from './assertions.service.js';
import { DeepLinksService } from './deep-links.service.js';
import { ForwardAuthService } from './forward-auth.service.js';
import { VisitsService } from './visits.service.js';

@Module({
  imports: [LimitsModule, ClientsModule, TokensModule, SessionsModule],
  providers: [AssertionsService, DeepLinksService, ForwardAuthService, VisitsService],
})
export class ForwardAuthModule {}
