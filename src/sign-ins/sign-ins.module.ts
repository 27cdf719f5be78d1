import { Module } from '@nestjs/common';
import { ConsoleCookies } from './console-cookies.js';
import { ConsoleSessionsService } from './console-sessions.service.js';
import { SignInCookies } from './sign-in-cookies.js';
import { SignInsService } from './sign-ins.service.js';

const PROVIDERS = [ConsoleCookies, ConsoleSessionsService, SignInCookies, SignInsService];

@Module({ providers: PROVIDERS, exports: PROVIDERS })
export class SignInsModule {}
