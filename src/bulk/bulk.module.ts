import { Module } from '@nestjs/common';
import { UsersModule } from '../users/users.module.js';
import { ExportService } from './export.service.js';
import { ImportService } from './import.service.js';

/** Users in files, for the command line. */
@Module({ imports: [UsersModule], providers: [ImportService, ExportService] })
export class BulkModule {}
