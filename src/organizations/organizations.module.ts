import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.js';
import { RevocationModule } from '../access/revocation.module.js';
import { UserSearchTerm } from '../users/user-search-term.entity.js';
import { User } from '../users/user.entity.js';
import { UsersModule } from '../users/users.module.js';
import { AccountsController, UserSearchController } from './accounts.controller.js';
import { AccountsService } from './accounts.service.js';
import { Organization } from './organization.entity.js';
import { OrganizationsController } from './organizations.controller.js';
import { OrganizationsService } from './organizations.service.js';
import { StaffController } from './staff.controller.js';
import { StaffService } from './staff.service.js';
import { ThirdParty } from './third-party.entity.js';

@Module({
  imports: [
    TypeOrmModule.forFeature([Organization, ThirdParty, User, UserSearchTerm]),
    UsersModule,
    RevocationModule,
    AuditModule,
  ],
  controllers: [OrganizationsController, StaffController, AccountsController, UserSearchController],
  providers: [OrganizationsService, StaffService, AccountsService],
  exports: [OrganizationsService],
})
export class OrganizationsModule {}
