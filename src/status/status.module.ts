import { Module } from '@nestjs/common';
import { TokensModule } from '../tokens/tokens.module.js';
import { Readiness } from './readiness.service.js';
import { StatusController } from './status.controller.js';

@Module({ imports: [TokensModule], providers: [Readiness], controllers: [StatusController] })
export class StatusModule {}
