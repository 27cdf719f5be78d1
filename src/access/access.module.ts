import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { ClientsModule } from '../clients/clients.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { AccessController } from './access.controller.js';
import { AccessPolicy } from './access.policy.js';
import { AccessService } from './access.service.js';
import { EvidenceService } from './evidence.service.js';
import { ExplanationController } from './explanation.controller.js';
import { ExplanationsService } from './explanations.service.js';
import { UsersModule } from '../users/users.module.js';
import { LoginTokensService } from './login-tokens.service.js';

@Module({
  imports: [ClientsModule, TokensModule, AuditModule, UsersModule],
  controllers: [AccessController, ExplanationController],
  providers: [AccessPolicy, AccessService, LoginTokensService, EvidenceService, ExplanationsService],
  exports: [AccessPolicy, AccessService, LoginTokensService, ExplanationsService],
})
export class AccessModule {}
