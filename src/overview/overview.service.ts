import { Injectable } from '@nestjs/common';
import type { Caller } from '../common/caller.js';
import { Clock } from '../common/clock.js';
import { Database } from '../database/database.js';
import { GroupsPolicy } from '../groups/groups.policy.js';
import { UsersPolicy } from '../users/users.policy.js';
import { findActivity } from './activity.js';
import { findEndingInGroups, findEndingPermissions, findFailingWebhooks, findWeakCredentials } from './attention.js';
import type { OverviewDto } from './dto/overview.dto.js';

/** What an administrator should know at a glance (docs/api.md, section 8.5). */
@Injectable()
export class OverviewService {
  constructor(
    private readonly database: Database,
    private readonly users: UsersPolicy,
    private readonly groups: GroupsPolicy,
    private readonly clock: Clock,
  ) {}

  /** Shows the parts that the caller's rights allow. Somebody on nobody's staff sees none. */
  async show(caller: Caller): Promise<OverviewDto> {
    const organizationId = await this.users.staffOrganizationOf(caller);
    const scope = await this.groups.groupsOf(caller);
    if (organizationId === null || scope === null) return { endingRights: [] };
    const now = this.clock.now();
    const [managesStaff, administersClients, viewsAuditLog] = await Promise.all([
      this.users.hasPermission(caller.userId, 'MANAGE_STAFF'),
      this.users.hasPermission(caller.userId, 'MANAGE_SERVICE_ACCOUNTS'),
      this.users.hasPermission(caller.userId, 'VIEW_AUDIT_LOG'),
    ]);
    const endingRights = [
      ...(await findEndingInGroups(this.database, scope, now)),
      ...(managesStaff ? await findEndingPermissions(this.database, organizationId, now) : []),
    ];
    return {
      endingRights: endingRights.toSorted((a, b) => a.validUntil.localeCompare(b.validUntil)),
      staffManagers: managesStaff ? await this.users.countStaffManagers(organizationId) : undefined,
      credentials: administersClients ? await findWeakCredentials(this.database, organizationId, now) : undefined,
      webhooks:
        administersClients && viewsAuditLog ? await findFailingWebhooks(this.database, organizationId) : undefined,
      ...(viewsAuditLog && (await findActivity(this.database, organizationId, now))),
    };
  }
}
