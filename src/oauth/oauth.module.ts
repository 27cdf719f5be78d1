import { Module } from '@nestjs/common';
import { JwtModule } from '@nestjs/jwt';
import { TypeOrmModule } from '@nestjs/typeorm';
import { UsersModule } from '../users/users.module.js';
import { CallerTokensService } from './caller-tokens.service.js';
import { ClientOrigin } from './client-origin.entity.js';
import { Client } from './client.entity.js';
import { ClientsService } from './clients.service.js';
import { ClientSecret } from './client-secret.entity.js';
import { ExpiredRecordsService } from './expired-records.service.js';
import { KeyRing } from './key-ring.js';
import { KeySeal } from './key-seal.js';
import { RevokedTokensService } from './revoked-tokens.service.js';
import { ServiceAccountsService } from './service-accounts.service.js';
import { SigningKey } from './signing-key.entity.js';
import { SigningKeysService } from './signing-keys.service.js';
import { TokensService } from './tokens.service.js';

@Module({
  imports: [
    TypeOrmModule.forFeature([Client, ClientOrigin, ClientSecret, SigningKey]),
    JwtModule.register({}),
    UsersModule,
  ],
  providers: [
    CallerTokensService,
    ClientsService,
    ExpiredRecordsService,
    KeyRing,
    KeySeal,
    RevokedTokensService,
    ServiceAccountsService,
    SigningKeysService,
    TokensService,
  ],
  exports: [
    CallerTokensService,
    ClientsService,
    ExpiredRecordsService,
    KeyRing,
    RevokedTokensService,
    ServiceAccountsService,
    SigningKeysService,
    TokensService,
  ],
})
export class OAuthModule {}
