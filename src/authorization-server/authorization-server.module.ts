import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccessModule } from '../access/access.module.js';
import { RevocationModule } from '../rights/rights.module.js';
import { ApplicationsModule } from '../applications/applications.module.js';
import { AuthModule } from '../auth/auth.module.js';
import { AuditModule } from '../audit/audit.module.js';
import { LimitsModule } from '../limits/limits.module.js';
import { UsersModule } from '../users/users.module.js';
import { ClientSecret } from '../schema/entities/client-secret.entity.js';
import { Client } from '../schema/entities/client.entity.js';
import { ExpiredRecordsService } from './engine/expired-records.service.js';
import { SignInsModule } from '../sign-ins/sign-ins.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { AccountClaimsService } from './engine/account-claims.service.js';
import { DelegatedSessions } from './engine/delegated-sessions.service.js';
import { LogoutController } from './logout.controller.js';
import { VisitorsService } from './sign-in/visitors.service.js';
import { AccountController } from './sign-in/account.controller.js';
import { AccountPasskeysController } from './sign-in/account-passkeys.controller.js';
import { AccountSignInsService } from './sign-in/account-sign-ins.service.js';
import { AuthorizationServer } from './engine/authorization-server.js';
import { EngineAnswers } from './engine/engine-answers.js';
import { EngineConfiguration } from './engine/engine-configuration.js';
import { InteractionsController } from './sign-in/interactions.controller.js';
import { InteractionsService } from './sign-in/interactions.service.js';
import { AssertionsService } from './grants/assertions.service.js';
import { InteractionConsent } from './sign-in/interaction-consent.js';
import { InteractionSignIn } from './sign-in/interaction-sign-in.js';
import { JwtBearerGrant } from './grants/jwt-bearer.grant.js';
import { OAuthAuditService } from './protocol/oauth-audit.service.js';
import { OAuthController } from './oauth.controller.js';
import { Logouts } from './engine/logouts.service.js';
import { OAuthLimits } from './engine/oauth-limits.service.js';
import { PasswordLinkController } from './sign-in/password-link.controller.js';
import { SignInService } from './sign-in/sign-in.service.js';
import { RefreshesService } from './engine/refreshes.service.js';

@Module({
  imports: [
    TypeOrmModule.forFeature([Client, ClientSecret]),
    ApplicationsModule,
    AuthModule,
    TokensModule,
    SignInsModule,
    AccessModule,
    RevocationModule,
    AuditModule,
    LimitsModule,
    UsersModule,
    SessionsModule,
  ],
  controllers: [
    OAuthController,
    LogoutController,
    InteractionsController,
    AccountController,
    AccountPasskeysController,
    PasswordLinkController,
  ],
  providers: [
    AccountClaimsService,
    AccountSignInsService,
    AuthorizationServer,
    DelegatedSessions,
    EngineAnswers,
    EngineConfiguration,
    ExpiredRecordsService,
    InteractionsService,
    AssertionsService,
    InteractionConsent,
    InteractionSignIn,
    JwtBearerGrant,
    OAuthAuditService,
    Logouts,
    OAuthLimits,
    RefreshesService,
    SignInService,
    VisitorsService,
  ],
  exports: [AuthorizationServer, ExpiredRecordsService],
})
export class AuthorizationServerModule {}
