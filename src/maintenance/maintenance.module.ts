import { Module } from '@nestjs/common';
import { AccessModule } from '../access/access.module.js';
import { AuditModule } from '../audit/audit.module.js';
import { LimitsModule } from '../auth/limits.module.js';
import { TokensModule } from '../oauth/tokens.module.js';
import { AuthorizationServerModule } from '../oauth/server/authorization-server.module.js';
import { UsersModule } from '../users/users.module.js';
import { MaintenanceService } from './maintenance.service.js';

@Module({
  imports: [AccessModule, AuditModule, LimitsModule, TokensModule, AuthorizationServerModule, UsersModule],
  providers: [MaintenanceService],
})
export class MaintenanceModule {}
