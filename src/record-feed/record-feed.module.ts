import { Module } from '@nestjs/common';
import { RecordFeedService } from './record-feed.service.js';

@Module({
  providers: [RecordFeedService],
  exports: [RecordFeedService],
})
export class RecordFeedModule {}
