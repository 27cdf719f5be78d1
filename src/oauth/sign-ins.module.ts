import { Module } from '@nestjs/common';
import { SignInsService } from './sign-ins.service.js';

/** Apart from `OAuthModule`, because the module of users, which that needs, needs this one. */
@Module({ providers: [SignInsService], exports: [SignInsService] })
export class SignInsModule {}
