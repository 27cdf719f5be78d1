import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { RecordFeedModule } from '../record-feed/record-feed.module.js';
import { UsersModule } from '../users/users.module.js';
import { AuditEvent } from '../schema/entities/audit-event.entity.js';
import { AuditSearchService } from './audit-search.service.js';
import { AuditStreamService } from './audit-stream.service.js';
import { AuditController } from './audit.controller.js';

@Module({
  imports: [TypeOrmModule.forFeature([AuditEvent]), RecordFeedModule, UsersModule],
  controllers: [AuditController],
  providers: [AuditSearchService, AuditStreamService],
  exports: [AuditSearchService],
})
export class AuditSearchModule {}
