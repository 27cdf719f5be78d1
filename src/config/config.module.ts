import { Global, Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { Settings } from './settings.js';
import { Clock } from '../common/clock.js';

/** Provides the settings and the clock to every module. */
@Global()
@Module({})
export class CommonModule {
  static with(settings: Settings, clock: Clock): DynamicModule {
    return {
      module: CommonModule,
      providers: [
        { provide: Settings, useValue: settings },
        { provide: Clock, useValue: clock },
      ],
      exports: [Settings, Clock],
    };
  }
}
