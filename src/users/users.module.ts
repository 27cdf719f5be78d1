import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.js';
import { RevocationModule } from '../rights/rights.module.js';
import { SignInsModule } from '../sign-ins/sign-ins.module.js';
import { AccountPermission } from '../schema/entities/account-permission.entity.js';
import { EmailAddress } from '../schema/entities/email-address.entity.js';
import { EmailAddressesController } from './email-addresses.controller.js';
import { EmailAddressesService } from './email-addresses.service.js';
import { EmailVerificationController } from './email-verification.controller.js';
import { Passkey } from '../schema/entities/passkey.entity.js';
import { Password } from '../schema/entities/password.entity.js';
import { PasswordLinksController } from './password-links.controller.js';
import { PasswordLinksService } from './password-links.service.js';
import { PasskeysController } from './passkeys.controller.js';
import { PasskeysService } from './passkeys.service.js';
import { ProofsService } from './proofs.service.js';
import { RecoveryCodesService } from './recovery-codes.service.js';
import { PasswordsService } from './passwords.service.js';
import { ThirdPartyId } from '../schema/entities/third-party-id.entity.js';
import { UnverifiedEmailAddress } from '../schema/entities/unverified-email-address.entity.js';
import { User } from '../schema/entities/user.entity.js';
import { PermissionsController } from './permissions.controller.js';
import { PermissionsService } from './permissions.service.js';
import { ThirdPartyIdsController } from './third-party-ids.controller.js';
import { ThirdPartyIdsService } from './third-party-ids.service.js';
import { ApiSessionController, NewUsersController, UsersController } from './users.controller.js';
import { UsersPolicy } from './users.policy.js';
import { UsersService } from './users.service.js';

@Module({
  imports: [
    TypeOrmModule.forFeature([
      User,
      EmailAddress,
      UnverifiedEmailAddress,
      ThirdPartyId,
      AccountPermission,
      Password,
      Passkey,
    ]),
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
    PasskeysController,
  ],
  providers: [
    UsersService,
    UsersPolicy,
    ThirdPartyIdsService,
    EmailAddressesService,
    PermissionsService,
    PasswordsService,
    PasswordLinksService,
    PasskeysService,
    RecoveryCodesService,
    ProofsService,
  ],
  exports: [
    EmailAddressesService,
    UsersService,
    UsersPolicy,
    PasswordsService,
    PasswordLinksService,
    PasskeysService,
    RecoveryCodesService,
    ProofsService,
  ],
})
export class UsersModule {}
