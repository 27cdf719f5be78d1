import { Module } from '@nestjs/common';
import { AccessModule } from '../access/access.module.js';
import { ApplicationsModule } from '../applications/applications.module.js';
import { AuditModule } from '../audit/audit.module.js';
import { LimitsModule } from '../limits/limits.module.js';
import { SignInsModule } from '../sign-ins/sign-ins.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { AuthorizationServerModule } from '../authorization-server/authorization-server.module.js';
import { UsersModule } from '../users/users.module.js';
import { MaintenanceService } from './maintenance.service.js';

@Module({
  imports: [
    AccessModule,
    ApplicationsModule,
    AuditModule,
    LimitsModule,
    SignInsModule,
    TokensModule,
    AuthorizationServerModule,
    UsersModule,
  ],
  providers: [MaintenanceService],
})
export class MaintenanceModule {}
