import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditEvent } from '../schema/entities/audit-event.entity.js';
import { RecordFeedService } from './record-feed.service.js';

@Module({
  imports: [TypeOrmModule.forFeature([AuditEvent])],
  providers: [RecordFeedService],
  exports: [RecordFeedService],
})
export class RecordFeedModule {}
