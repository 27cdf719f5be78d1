import { Module } from '@nestjs/common';
import { GroupsModule } from '../groups/groups.module.js';
import { UsersModule } from '../users/users.module.js';
import { OverviewController } from './overview.controller.js';
import { OverviewService } from './overview.service.js';

@Module({
  imports: [UsersModule, GroupsModule],
  controllers: [OverviewController],
  providers: [OverviewService],
})
export class OverviewModule {}
