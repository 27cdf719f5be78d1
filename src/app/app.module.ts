import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { AccessModule } from '../access/access.module.js';
import { ApplicationsModule } from '../applications/applications.module.js';
import { GuidesModule } from '../guides/guides.module.js';
import { AuditSearchModule } from '../audit-search/audit-search.module.js';
import { AuthModule } from '../auth/auth.module.js';
import { BulkModule } from '../bulk/bulk.module.js';
import { Clock } from '../common/clock.js';
import { ConsoleModule } from '../console/console.module.js';
import { CommonModule } from '../config/config.module.js';
import type { Settings } from '../config/settings.js';
import { DatabaseModule } from '../schema/database.module.js';
import { DemoModule } from '../demo/demo.module.js';
import { ForwardAuthModule } from '../forward-auth/forward-auth.module.js';
import { GeneralRevocationModule } from '../general-revocation/general-revocation.module.js';
import { GroupsModule } from '../groups/groups.module.js';
import { LookupModule } from '../lookup/lookup.module.js';
import { MaintenanceModule } from '../maintenance/maintenance.module.js';
import { MonitoringModule } from '../monitoring/monitoring.module.js';
import { ClientsModule } from '../clients/clients.module.js';
import { AuthorizationServerModule } from '../authorization-server/authorization-server.module.js';
import { ServiceAccountsModule } from '../service-accounts/service-accounts.module.js';
import { OrganizationsModule } from '../organizations/organizations.module.js';
import { OverviewModule } from '../overview/overview.module.js';
import { OriginsModule } from '../origins/origins.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { StatusModule } from '../status/status.module.js';
import { UsersModule } from '../users/users.module.js';
import { WebhooksModule } from '../webhooks/webhooks.module.js';

@Module({})
export class AppModule {
  static with(settings: Settings, clock = new Clock()): DynamicModule {
    return {
      module: AppModule,
      imports: [
        CommonModule.with(settings, clock),
        DatabaseModule,
        AuthModule,
        OrganizationsModule,
        UsersModule,
        GroupsModule,
        ClientsModule,
        ServiceAccountsModule,
        AccessModule,
        ApplicationsModule,
        AuthorizationServerModule,
        OriginsModule,
        OverviewModule,
        SessionsModule,
        ForwardAuthModule,
        AuditSearchModule,
        WebhooksModule,
        LookupModule,
        ConsoleModule,
        GuidesModule,
        StatusModule,
        MaintenanceModule,
        GeneralRevocationModule,
        MonitoringModule,
        DemoModule,
        BulkModule,
      ],
    };
  }
}
