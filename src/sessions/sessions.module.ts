import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AccessModule } from '../access/access.module.js';
import { AuthModule } from '../auth/auth.module.js';
import { OAuthModule } from '../oauth/oauth.module.js';
import { UsersModule } from '../users/users.module.js';
import { KnownVisitors } from './known-visitors.js';
import { LandingController } from './landing.controller.js';
import { LoginPages } from './login-pages.js';
import { LoginService } from './login.service.js';
import { SessionCookie } from './session-cookie.js';
import { SessionGuard } from './session.guard.js';
import { SessionsController } from './sessions.controller.js';
import { SessionsService } from './sessions.service.js';
import { VisitorsService } from './visitors.service.js';

@Module({
  imports: [AccessModule, AuthModule, OAuthModule, UsersModule],
  controllers: [SessionsController, LandingController],
  providers: [
    KnownVisitors,
    SessionCookie,
    SessionsService,
    LoginService,
    LoginPages,
    VisitorsService,
    { provide: APP_GUARD, useClass: SessionGuard },
  ],
  exports: [KnownVisitors, LoginPages, LoginService, SessionCookie, SessionsService],
})
export class SessionsModule {}
