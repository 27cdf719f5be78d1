import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.js';
import { RevocationModule } from '../rights/rights.module.js';
import { UsersModule } from '../users/users.module.js';
import { BrowserOriginsService } from './browser-origins.service.js';
import { CallerTokensService } from './caller-tokens.service.js';
import { ClientSecret } from '../schema/entities/client-secret.entity.js';
import { ClientSecretsService } from './client-secrets.service.js';
import { Client } from '../schema/entities/client.entity.js';
import { ClientListController, ClientsController } from './clients.controller.js';
import { ClientsService } from './clients.service.js';
import { OAuthPolicy } from './oauth.policy.js';
import { Origin } from '../schema/entities/origin.entity.js';
import { OriginsService } from './origins.service.js';
import { TokensModule } from '../tokens/tokens.module.js';

@Module({
  imports: [
    TypeOrmModule.forFeature([Client, ClientSecret, Origin]),
    TokensModule,
    UsersModule,
    RevocationModule,
    AuditModule,
  ],
  controllers: [ClientListController, ClientsController],
  providers: [
    BrowserOriginsService,
    CallerTokensService,
    ClientsService,
    ClientSecretsService,
    OAuthPolicy,
    OriginsService,
  ],
  exports: [BrowserOriginsService, CallerTokensService, ClientsService, OAuthPolicy, OriginsService],
})
export class ClientsModule {}
