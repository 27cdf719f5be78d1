import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { OAuthModule } from '../oauth/oauth.module.js';
import { Organization } from '../organizations/organization.entity.js';
import { DemoService } from './demo.service.js';

@Module({
  imports: [TypeOrmModule.forFeature([Organization]), OAuthModule],
  providers: [DemoService],
})
export class DemoModule {}
