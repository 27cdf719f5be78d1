import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { OAuthModule } from '../oauth/oauth.module.js';
import { AccessController } from './access.controller.js';
import { AccessPolicy } from './access.policy.js';
import { AccessService } from './access.service.js';
import { GuideController } from './guide.controller.js';
import { LoginTokensService } from './login-tokens.service.js';

@Module({
  imports: [OAuthModule, AuditModule],
  controllers: [AccessController, GuideController],
  providers: [AccessPolicy, AccessService, LoginTokensService],
  exports: [AccessPolicy, AccessService, LoginTokensService],
})
export class AccessModule {}
