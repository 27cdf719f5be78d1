import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { Clock } from '../common/clock.js';
import { Database } from '../database/database.js';
import { RevocationService } from '../rights/revocation.service.js';
import type { Effects } from '../rights/revocation.service.js';
import type { GeneralRevocationReason } from '../schema/entities/audit-events.js';
import { Organization } from '../schema/entities/organization.entity.js';
import { SignInsService } from '../sign-ins/sign-ins.service.js';
import { GeneralRevocationsService } from '../tokens/general-revocations.service.js';
import { SigningKeysService } from '../tokens/signing-keys.service.js';
import { EmailAddressesService } from '../users/email-addresses.service.js';
import { PasswordLinksService } from '../users/password-links.service.js';
import { RecoveryCodesService } from '../users/recovery-codes.service.js';

/**
 * Revokes everything that lets somebody in: for a database that may have forgotten what was used or revoked last, and
 * for an operator who trusts nothing of before. What people know or have stays: passwords, passkeys, the secrets and
 * keys of clients and service accounts.
 */
@Injectable()
export class GeneralRevocationService {
  constructor(
    private readonly revocations: GeneralRevocationsService,
    private readonly signingKeys: SigningKeysService,
    private readonly rights: RevocationService,
    private readonly signIns: SignInsService,
    private readonly passwordLinks: PasswordLinksService,
    private readonly emailAddresses: EmailAddressesService,
    private readonly recoveryCodes: RecoveryCodesService,
    private readonly audit: AuditService,
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /**
   * Revokes everything in one transaction. Every instance refuses what was revoked within two seconds.
   *
   * @returns how many open sessions and unused login tokens have ended
   */
  revoke(reason: GeneralRevocationReason): Promise<Effects> {
    return this.database.transaction((db) => this.revokeIn(db, reason), { isLong: true });
  }

  /** As `revoke`, in the transaction of `db`, which must be long. */
  async revokeIn(db: EntityManager, reason: GeneralRevocationReason): Promise<Effects> {
    const now = this.clock.now();
    // Keys come first: on PostgreSQL their lock lets two of these transactions run one after the other.
    await this.signingKeys.replaceAll(db);
    // The trigger finds the instant, and gives the events of login tokens their reason.
    await this.revocations.record(db, now);
    const effects = await this.rights.revokeEverything(db, now);
    await this.signIns.endAll(db, now);
    await this.passwordLinks.removeAll(db);
    await this.emailAddresses.removeAllLinks(db);
    await this.recoveryCodes.removeAll(db);
    for (const { id } of await db.find(Organization, { select: { id: true } }))
      await this.audit.record(db, { event: 'ALL_REVOKED', organizationId: id, by: null, details: { reason } });
    return effects;
  }
}
