import { Module } from '@nestjs/common';
import { ApplicationSessionsService } from './application-sessions.service.js';
import { LandingsService } from './landings.service.js';

@Module({
  providers: [ApplicationSessionsService, LandingsService],
  exports: [ApplicationSessionsService, LandingsService],
})
export class ApplicationsModule {}
