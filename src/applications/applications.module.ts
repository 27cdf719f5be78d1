import { Module } from '@nestjs/common';
import { ApplicationSessionsService } from './application-sessions.service.js';

@Module({ providers: [ApplicationSessionsService], exports: [ApplicationSessionsService] })
export class ApplicationsModule {}
