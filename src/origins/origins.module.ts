import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { OAuthModule } from '../oauth/oauth.module.js';
import { OriginClaimsService } from './origin-claims.service.js';
import { OriginListController, OriginsController } from './origins.controller.js';

@Module({
  imports: [AuthModule, OAuthModule],
  controllers: [OriginListController, OriginsController],
  providers: [OriginClaimsService],
})
export class OriginsModule {}
