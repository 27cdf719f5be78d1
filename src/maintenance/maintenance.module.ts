import { Module } from '@nestjs/common';
import { AccessModule } from '../access/access.module.js';
import { AuditModule } from '../audit/audit.module.js';
import { AuthModule } from '../auth/auth.module.js';
import { OAuthModule } from '../oauth/oauth.module.js';
import { UsersModule } from '../users/users.module.js';
import { MaintenanceService } from './maintenance.service.js';

@Module({
  imports: [AccessModule, AuditModule, AuthModule, OAuthModule, UsersModule],
  providers: [MaintenanceService],
})
export class MaintenanceModule {}
