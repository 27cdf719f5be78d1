import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { TokensModule } from '../tokens/tokens.module.js';
import { BearerGuard } from './bearer.guard.js';
import { SameOriginGuard } from '../http/same-origin.guard.js';
import { SignInsModule } from '../sign-ins/sign-ins.module.js';
import { ConsoleStrategy } from './console.strategy.js';
import { BearerStrategy } from './bearer.strategy.js';
import { ExternalTokensService } from './external-tokens.service.js';
import { OwnTokensService } from './own-tokens.service.js';
import { LimitsModule } from '../limits/limits.module.js';
import { TokenStateService } from './token-state.service.js';

@Module({
  imports: [LimitsModule, SignInsModule, TokensModule],
  providers: [
    BearerStrategy,
    ConsoleStrategy,
    ExternalTokensService,
    OwnTokensService,
    SameOriginGuard,
    TokenStateService,
    BearerGuard,
    { provide: APP_GUARD, useExisting: BearerGuard },
  ],
  exports: [OwnTokensService],
})
export class AuthModule {}
