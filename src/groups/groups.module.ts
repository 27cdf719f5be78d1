import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { UsersModule } from '../users/users.module.js';
import { GroupStaff } from './group-staff.entity.js';
import { Group } from './group.entity.js';
import { GroupsController } from './groups.controller.js';
import { GroupsPolicy } from './groups.policy.js';
import { GroupsService } from './groups.service.js';
import { Membership } from './membership.entity.js';

@Module({
  imports: [TypeOrmModule.forFeature([Group, Membership, GroupStaff]), UsersModule],
  controllers: [GroupsController],
  providers: [GroupsService, GroupsPolicy],
  exports: [GroupsService],
})
export class GroupsModule {}
