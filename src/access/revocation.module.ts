import { Module } from '@nestjs/common';
import { RevocationService } from './revocation.service.js';

/** Apart from `AccessModule`, because the modules that it needs need this one. */
@Module({ providers: [RevocationService], exports: [RevocationService] })
export class RevocationModule {}
