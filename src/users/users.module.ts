import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.js';
import { RevocationModule } from '../access/revocation.module.js';
import { SignInsModule } from '../oauth/sign-ins.module.js';
import { AccountPermission } from './account-permission.entity.js';
import { EmailAddress } from './email-address.entity.js';
import { EmailAddressesController } from './email-addresses.controller.js';
import { EmailAddressesService } from './email-addresses.service.js';
import { EmailVerificationController } from './email-verification.controller.js';
import { Password } from './password.entity.js';
import { PasswordLinksController } from './password-links.controller.js';
import { PasswordLinksService } from './password-links.service.js';
import { PasswordsService } from './passwords.service.js';
import { ThirdPartyId } from './third-party-id.entity.js';
import { UnverifiedEmailAddress } from './unverified-email-address.entity.js';
import { User } from './user.entity.js';
import { PermissionsController } from './permissions.controller.js';
import { PermissionsService } from './permissions.service.js';
import { ThirdPartyIdsController } from './third-party-ids.controller.js';
import { ThirdPartyIdsService } from './third-party-ids.service.js';
import { ApiSessionController, NewUsersController, UsersController } from './users.controller.js';
import { UsersPolicy } from './users.policy.js';
import { UsersService } from './users.service.js';

@Module({
  imports: [
    TypeOrmModule.forFeature([User, EmailAddress, UnverifiedEmailAddress, ThirdPartyId, AccountPermission, Password]),
    RevocationModule,
    SignInsModule,
    AuditModule,
  ],
  controllers: [
    UsersController,
    NewUsersController,
    ThirdPartyIdsController,
    EmailAddressesController,
    EmailVerificationController,
    ApiSessionController,
    PermissionsController,
    PasswordLinksController,
  ],
  providers: [
    UsersService,
    UsersPolicy,
    ThirdPartyIdsService,
    EmailAddressesService,
    PermissionsService,
    PasswordsService,
    PasswordLinksService,
  ],
  exports: [UsersService, UsersPolicy, PasswordsService, PasswordLinksService],
})
export class UsersModule {}
