import { Module } from '@nestjs/common';
import { AuditSearchModule } from '../audit-search/audit-search.module.js';
import { ClientsModule } from '../clients/clients.module.js';
import { GroupsModule } from '../groups/groups.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { UsersModule } from '../users/users.module.js';
import { LookupController } from './lookup.controller.js';
import { LookupService } from './lookup.service.js';

@Module({
  imports: [UsersModule, GroupsModule, ClientsModule, SessionsModule, AuditSearchModule],
  controllers: [LookupController],
  providers: [LookupService],
})
export class LookupModule {}
