import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.js';
import { RevocationModule } from '../rights/rights.module.js';
import { UserSearchTerm } from '../schema/entities/user-search-term.entity.js';
import { User } from '../schema/entities/user.entity.js';
import { UsersModule } from '../users/users.module.js';
import { AccountsController, UserSearchController } from './accounts.controller.js';
import { AccountsService } from './accounts.service.js';
import { Organization } from '../schema/entities/organization.entity.js';
import { OrganizationsController } from './organizations.controller.js';
import { OrganizationsService } from './organizations.service.js';
import { StaffController } from './staff.controller.js';
import { StaffService } from './staff.service.js';
import { ThirdParty } from '../schema/entities/third-party.entity.js';

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
