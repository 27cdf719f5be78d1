import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { RevocationModule } from '../rights/rights.module.js';
import { SignInsModule } from '../sign-ins/sign-ins.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { UsersModule } from '../users/users.module.js';
import { FailoversService } from './failovers.service.js';
import { GeneralRevocationService } from './general-revocation.service.js';

@Module({
  imports: [AuditModule, RevocationModule, SignInsModule, TokensModule, UsersModule],
  providers: [FailoversService, GeneralRevocationService],
  exports: [GeneralRevocationService],
})
export class GeneralRevocationModule {}
