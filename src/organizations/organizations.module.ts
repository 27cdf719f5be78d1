import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { RevocationModule } from '../access/revocation.module.js';
import { User } from '../users/user.entity.js';
import { UsersModule } from '../users/users.module.js';
import { Organization } from './organization.entity.js';
import { OrganizationsController } from './organizations.controller.js';
import { OrganizationsService } from './organizations.service.js';
import { StaffController } from './staff.controller.js';
import { StaffService } from './staff.service.js';
import { ThirdParty } from './third-party.entity.js';

@Module({
  imports: [TypeOrmModule.forFeature([Organization, ThirdParty, User]), UsersModule, RevocationModule],
  controllers: [OrganizationsController, StaffController],
  providers: [OrganizationsService, StaffService],
})
export class OrganizationsModule {}
