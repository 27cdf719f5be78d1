import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { RevocationModule } from '../rights/rights.module.js';
import { AuditModule } from '../audit/audit.module.js';
import { ClientsModule } from '../clients/clients.module.js';
import { ServiceAccountKey } from '../schema/entities/service-account-key.entity.js';
import { ServiceAccountKeysService } from './service-account-keys.service.js';
import { ServiceAccount } from '../schema/entities/service-account.entity.js';
import { ServiceAccountListController, ServiceAccountsController } from './service-accounts.controller.js';
import { ServiceAccountsService } from './service-accounts.service.js';

@Module({
  imports: [
    TypeOrmModule.forFeature([ServiceAccount, ServiceAccountKey]),
    ClientsModule,
    RevocationModule,
    AuditModule,
  ],
  controllers: [ServiceAccountListController, ServiceAccountsController],
  providers: [ServiceAccountKeysService, ServiceAccountsService],
})
export class ServiceAccountsModule {}
