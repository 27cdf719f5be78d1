import { Module } from '@nestjs/common';
import { SignInCookies } from './sign-in-cookies.js';
import { SignInsService } from './sign-ins.service.js';

@Module({ providers: [SignInCookies, SignInsService], exports: [SignInCookies, SignInsService] })
export class SignInsModule {}
