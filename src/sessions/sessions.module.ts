import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccessModule } from '../access/access.module.js';
import { LoginToken } from '../access/login-token.entity.js';
import { RevocationModule } from '../access/revocation.module.js';
import { AuditModule } from '../audit/audit.module.js';
import { LimitsModule } from '../auth/limits.module.js';
import { TokensModule } from '../oauth/tokens.module.js';
import { SignInsModule } from '../oauth/sign-ins.module.js';
import { UsersModule } from '../users/users.module.js';
import { KnownVisitors } from './known-visitors.js';
import { LandingController } from './landing.controller.js';
import { LoginPages } from './login-pages.js';
import { LoginRefusalsService } from './login-refusals.service.js';
import { LoginService } from './login.service.js';
import { SessionListsController } from './session-lists.controller.js';
import { SessionListsService } from './session-lists.service.js';
import { OwnSessionsService } from './own-sessions.service.js';
import { Session } from './session.entity.js';
import { SessionCookie } from './session-cookie.js';
import { SessionGuard } from './session.guard.js';
import { SessionsController } from './sessions.controller.js';
import { SessionsService } from './sessions.service.js';
import { CurrentSessionService } from './current-session.service.js';

@Module({
  imports: [
    TypeOrmModule.forFeature([Session, LoginToken]),
    AccessModule,
    RevocationModule,
    AuditModule,
    LimitsModule,
    TokensModule,
    SignInsModule,
    UsersModule,
  ],
  controllers: [SessionsController, SessionListsController, LandingController],
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
  exports: [KnownVisitors, LoginPages, LoginRefusalsService, LoginService, SessionCookie, SessionsService],
})
export class SessionsModule {}
