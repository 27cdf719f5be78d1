import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { RevocationModule } from '../rights/rights.module.js';
import { UsersModule } from '../users/users.module.js';
import { ExportService } from './export.service.js';
import { ImportService } from './import.service.js';

/** Imports and exports users, for the command line. */
@Module({ imports: [AuditModule, RevocationModule, UsersModule], providers: [ImportService, ExportService] })
export class BulkModule {}
