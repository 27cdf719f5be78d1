import { Module } from '@nestjs/common';
import { SignInCookies } from './sign-in-cookies.js';
import { SignInsService } from './sign-ins.service.js';

/** Apart from `OAuthModule`, because the module of users, which that needs, needs this one. */
@Module({ providers: [SignInCookies, SignInsService], exports: [SignInCookies, SignInsService] })
export class SignInsModule {}
