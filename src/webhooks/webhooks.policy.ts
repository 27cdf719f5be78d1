import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { OAuthPolicy } from '../clients/oauth.policy.js';
import type { Caller } from '../common/caller.js';
import { UsersPolicy } from '../users/users.policy.js';

/**
 * Decides who may administer an organization's webhooks: its staff with `MANAGE_SERVICE_ACCOUNTS`, because programs
 * receive them, and `VIEW_AUDIT_LOG`, because they carry the record (docs/api.md, section 11.5).
 */
@Injectable()
export class WebhooksPolicy {
  constructor(
    private readonly oauth: OAuthPolicy,
    private readonly users: UsersPolicy,
  ) {}

  /** The organization whose webhooks the caller may see. @throws DomainError `not_permitted` */
  async requireMaySee(caller: Caller): Promise<string> {
    await this.users.requireMayViewAuditLog(caller);
    return this.oauth.requireMaySee(caller);
  }

  /** The organization whose webhooks the caller may change. @throws DomainError `not_permitted` */
  async requireMayChange(db: EntityManager, caller: Caller): Promise<string> {
    await this.users.requireStaffWith(db, caller, 'VIEW_AUDIT_LOG', 'not_permitted');
    return this.oauth.requireMayChange(db, caller);
  }
}
