import { Module } from '@nestjs/common';
import { AuditService } from './audit.service.js';

/** What records. Apart from what searches the record, because that needs modules that record. */
@Module({ providers: [AuditService], exports: [AuditService] })
export class AuditModule {}
