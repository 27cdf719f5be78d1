import { Module } from '@nestjs/common';
import { JwtModule } from '@nestjs/jwt';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.js';
import { RevocationModule } from '../access/revocation.module.js';
import { UsersModule } from '../users/users.module.js';
import { BrowserOriginsService } from './browser-origins.service.js';
import { CallerTokensService } from './caller-tokens.service.js';
import { Client } from './client.entity.js';
import { ClientListController, ClientsController } from './clients.controller.js';
import { ClientsService } from './clients.service.js';
import { ClientSecret } from './client-secret.entity.js';
import { ClientSecretsService } from './client-secrets.service.js';
import { Origin } from './origin.entity.js';
import { OriginsService } from './origins.service.js';
import { OAuthPolicy } from './oauth.policy.js';
import { ExpiredRecordsService } from './expired-records.service.js';
import { KeyRing } from './key-ring.js';
import { KeySeal } from './key-seal.js';
import { RevokedTokensService } from './revoked-tokens.service.js';
import { ServiceAccountKey } from './service-account-key.entity.js';
import { ServiceAccountKeysService } from './service-account-keys.service.js';
import { ServiceAccount } from './service-account.entity.js';
import { ServiceAccountListController, ServiceAccountsController } from './service-accounts.controller.js';
import { ServiceAccountsService } from './service-accounts.service.js';
import { SigningKey } from './signing-key.entity.js';
import { SigningKeysService } from './signing-keys.service.js';
import { TokensService } from './tokens.service.js';

@Module({
  imports: [
    TypeOrmModule.forFeature([Client, ClientSecret, Origin, ServiceAccount, ServiceAccountKey, SigningKey]),
    JwtModule.register({}),
    UsersModule,
    RevocationModule,
    AuditModule,
  ],
  controllers: [ClientListController, ClientsController, ServiceAccountListController, ServiceAccountsController],
  providers: [
    BrowserOriginsService,
    CallerTokensService,
    ClientsService,
    ClientSecretsService,
    ExpiredRecordsService,
    KeyRing,
    KeySeal,
    OAuthPolicy,
    OriginsService,
    RevokedTokensService,
    ServiceAccountKeysService,
    ServiceAccountsService,
    SigningKeysService,
    TokensService,
  ],
  exports: [
    BrowserOriginsService,
    CallerTokensService,
    ClientsService,
    ExpiredRecordsService,
    KeyRing,
    OAuthPolicy,
    OriginsService,
    RevokedTokensService,
    SigningKeysService,
    TokensService,
  ],
})
export class OAuthModule {}
