import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Clock } from '../common/clock.js';
import { AppLogger } from '../config/app-logger.js';
import { CommonModule } from '../config/config.module.js';
import { Settings } from '../config/settings.js';
import { GeneralRevocationModule } from '../general-revocation/general-revocation.module.js';
import { GeneralRevocationService } from '../general-revocation/general-revocation.service.js';
import type { Effects } from '../rights/revocation.service.js';
import { DatabaseModule } from '../schema/database.module.js';

/** What a revocation needs. Nothing in it works by itself, so that nobody hears of a database that is not in place. */
@Module({})
class RevocationOnly {}

/**
 * Migrates a restored SQLite database to this version, and revokes everything in it. @throws StartError if SECRET_KEY is
 * another than that of its keys
 */
export async function revokeAllIn(settings: Settings, path: string): Promise<Effects> {
  const own = Object.assign(new Settings(), settings, { DATABASE_PATH: path });
  const imports = [CommonModule.with(own, new Clock()), DatabaseModule, GeneralRevocationModule];
  const app = await NestFactory.createApplicationContext(
    { module: RevocationOnly, imports },
    { logger: new AppLogger({ LOG_LEVEL: 'error', isProduction: false }), abortOnError: false },
  );
  try {
    return await app.get(GeneralRevocationService).revoke('RESTORE');
  } finally {
    await app.close();
  }
}
