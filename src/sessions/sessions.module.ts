import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AccessModule } from '../access/access.module.js';
import { ApplicationsModule } from '../applications/applications.module.js';
import { RevocationModule } from '../rights/rights.module.js';
import { AuditModule } from '../audit/audit.module.js';
import { LimitsModule } from '../limits/limits.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { SignInsModule } from '../sign-ins/sign-ins.module.js';
import { UsersModule } from '../users/users.module.js';
import { KnownVisitors } from './live/known-visitors.js';
import { LandingController } from './landing.controller.js';
import { LoginPages } from './pages/login-pages.js';
import { LoginRefusalsService } from './login/login-refusals.service.js';
import { LoginService } from './login/login.service.js';
import { OwnSessionsController, SessionListsController } from './session-lists.controller.js';
import { SessionListsService } from './live/session-lists.service.js';
import { OwnSessionsService } from './live/own-sessions.service.js';
import { SessionCookie } from './live/session-cookie.js';
import { SessionGuard } from './live/session.guard.js';
import { SessionsController } from './sessions.controller.js';
import { SessionsService } from './live/sessions.service.js';
import { CurrentSessionService } from './live/current-session.service.js';

@Module({
  imports: [
    AccessModule,
    ApplicationsModule,
    RevocationModule,
    AuditModule,
    LimitsModule,
    TokensModule,
    SignInsModule,
    UsersModule,
  ],
  controllers: [SessionsController, SessionListsController, OwnSessionsController, LandingController],
  providers: [
    KnownVisitors,
    SessionCookie,
    SessionsService,
    SessionListsService,
    OwnSessionsService,
    LoginService,
    LoginPages,
    LoginRefusalsService,
    CurrentSessionService,
    { provide: APP_GUARD, useClass: SessionGuard },
  ],
  exports: [
    KnownVisitors,
    LoginPages,
    LoginRefusalsService,
    LoginService,
    SessionCookie,
    SessionsService,
    SessionListsService,
  ],
})
export class SessionsModule {}
