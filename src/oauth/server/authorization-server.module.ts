import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccessModule } from '../../access/access.module.js';
import { RevocationModule } from '../../access/revocation.module.js';
import { AuditModule } from '../../audit/audit.module.js';
import { LimitsModule } from '../../auth/limits.module.js';
import { UsersModule } from '../../users/users.module.js';
import { ClientSecret } from '../client-secret.entity.js';
import { Client } from '../client.entity.js';
import { ExpiredRecordsService } from '../expired-records.service.js';
import { SignInsModule } from '../sign-ins.module.js';
import { TokensModule } from '../tokens.module.js';
import { AccountController } from './account.controller.js';
import { AccountSignInsService } from './account-sign-ins.service.js';
import { AuthorizationServer } from './authorization-server.js';
import { EngineAnswers } from './engine-answers.js';
import { EngineConfiguration } from './engine-configuration.js';
import { InteractionsController } from './interactions.controller.js';
import { InteractionsService } from './interactions.service.js';
import { AssertionsService } from './assertions.service.js';
import { JwtBearerGrant } from './jwt-bearer.grant.js';
import { OAuthAuditService } from './oauth-audit.service.js';
import { OAuthController } from './oauth.controller.js';
import { OAuthLimits } from './oauth-limits.service.js';
import { PasswordLinkController } from './password-link.controller.js';
import { SignInService } from './sign-in.service.js';
import { RefreshesService } from './refreshes.service.js';

@Module({
  imports: [
    TypeOrmModule.forFeature([Client, ClientSecret]),
    TokensModule,
    SignInsModule,
    AccessModule,
    RevocationModule,
    AuditModule,
    LimitsModule,
    UsersModule,
  ],
  controllers: [OAuthController, InteractionsController, AccountController, PasswordLinkController],
  providers: [
    AccountSignInsService,
    AuthorizationServer,
    EngineAnswers,
    EngineConfiguration,
    ExpiredRecordsService,
    InteractionsService,
    AssertionsService,
    JwtBearerGrant,
    OAuthAuditService,
    OAuthLimits,
    RefreshesService,
    SignInService,
  ],
  exports: [ExpiredRecordsService],
})
export class AuthorizationServerModule {}
