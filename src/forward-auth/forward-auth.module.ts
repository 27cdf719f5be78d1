import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { OAuthModule } from '../oauth/oauth.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { AssertionsService } from './assertions.service.js';
import { DeepLinksService } from './deep-links.service.js';
import { ForwardAuthService } from './forward-auth.service.js';
import { VisitsService } from './visits.service.js';

@Module({
  imports: [AuthModule, OAuthModule, SessionsModule],
  providers: [AssertionsService, DeepLinksService, ForwardAuthService, VisitsService],
})
export class ForwardAuthModule {}
