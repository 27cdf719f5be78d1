import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { OAuthModule } from '../oauth/oauth.module.js';
import { AttemptsService } from './attempts.service.js';
import { BearerGuard } from './bearer.guard.js';
import { BearerStrategy } from './bearer.strategy.js';
import { ExternalTokensService } from './external-tokens.service.js';
import { OwnTokensService } from './own-tokens.service.js';
import { TokenStateService } from './token-state.service.js';

@Module({
  imports: [OAuthModule],
  providers: [
    AttemptsService,
    BearerStrategy,
    ExternalTokensService,
    OwnTokensService,
    TokenStateService,
    { provide: APP_GUARD, useClass: BearerGuard },
  ],
  exports: [AttemptsService],
})
export class AuthModule {}
