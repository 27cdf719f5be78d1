import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.js';
import { RevocationModule } from '../rights/rights.module.js';
import { OrganizationsModule } from '../organizations/organizations.module.js';
import { UsersModule } from '../users/users.module.js';
import { GroupStaff } from '../schema/entities/group-staff.entity.js';
import { Group } from '../schema/entities/group.entity.js';
import { GroupListsService } from './group-lists.service.js';
import { GroupStaffController } from './group-staff.controller.js';
import { GroupStaffService } from './group-staff.service.js';
import { GroupListController, GroupsController, OrganizationGroupsController } from './groups.controller.js';
import { GroupsPolicy } from './groups.policy.js';
import { GroupsService } from './groups.service.js';
import { InvitationsController, MembersController } from './members.controller.js';
import { InvitationsService } from './invitations.service.js';
import { MembersService } from './members.service.js';
import { MembershipsController } from './memberships.controller.js';
import { MembershipsService } from './memberships.service.js';
import { Membership } from '../schema/entities/membership.entity.js';

@Module({
  imports: [
    TypeOrmModule.forFeature([Group, Membership, GroupStaff]),
    UsersModule,
    OrganizationsModule,
    RevocationModule,
    AuditModule,
  ],
  controllers: [
    GroupsController,
    GroupListController,
    OrganizationGroupsController,
    MembersController,
    InvitationsController,
    MembershipsController,
    GroupStaffController,
  ],
  providers: [
    GroupsService,
    MembersService,
    MembershipsService,
    InvitationsService,
    GroupStaffService,
    GroupListsService,
    GroupsPolicy,
  ],
  exports: [GroupsService, GroupListsService, GroupsPolicy],
})
export class GroupsModule {}
