import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { ClientsModule } from '../clients/clients.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { AccessController } from './access.controller.js';
import { AccessPolicy } from './access.policy.js';
import { AccessService } from './access.service.js';
import { LoginTokensService } from './login-tokens.service.js';

@Module({
  imports: [ClientsModule, TokensModule, AuditModule],
  controllers: [AccessController],
  providers: [AccessPolicy, AccessService, LoginTokensService],
  exports: [AccessPolicy, AccessService, LoginTokensService],
})
export class AccessModule {}
