import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { RevocationService } from '../rights/revocation.service.js';
import { AuditService } from '../audit/audit.service.js';
import type { Caller } from '../common/caller.js';
import { Clock } from '../common/clock.js';
import { DomainError } from '../common/errors/errors.js';
import { insertOrIgnore } from '../database/insert-or-ignore.js';
import { lockOrganization } from '../schema/lock-organization.js';
import { requireLegalOrigins } from './client-addresses.js';
import { ClientOrigin } from '../schema/entities/client-origin.entity.js';
import { Origin } from '../schema/entities/origin.entity.js';
import type { Proof } from '../schema/entities/origin.entity.js';

/** An origin and the organization that is to own it. */
interface NewOwner {
  origin: string;
  organizationId: string;
  proof: Proof;
  by: Caller | null;
}

/**
 * Records which organization owns which origin. Methods that take `db` check no permission; the caller has checked it.
 */
@Injectable()
export class OriginsService {
  constructor(
    private readonly revocation: RevocationService,
    private readonly audit: AuditService,
    private readonly clock: Clock,
  ) {}

  /**
   * Makes an organization the owner of an origin, unless another one owns it. Of several organizations at the same
   * time, one gets it.
   *
   * @throws DomainError `invalid_origin`, `origin_in_use`
   */
  async add(db: EntityManager, { origin, organizationId, proof, by }: NewOwner): Promise<void> {
    requireLegalOrigins([origin]);
    await lockOrganization(db, organizationId);
    const before = await db.findOneBy(Origin, { origin });
    if (!before) await insertOrIgnore(db, Origin, { origin, organizationId, proof, since: this.clock.now() });
    const owned = before ?? (await db.findOneByOrFail(Origin, { origin }));
    if (owned.organizationId !== organizationId) throw new DomainError('origin_in_use');
    // The operator has confirmed the origin, so it no longer needs a review.
    if (before) await db.update(Origin, { origin }, { proof });
    else await this.record(db, 'ORIGIN_ADDED', { origin, organizationId, by });
  }

  /**
   * Takes an origin from its organization and from that organization's clients. Sessions no longer count there, and
   * those in frames on it end. It waits for whoever gives the origin to a client of the organization, and the reverse.
   */
  async remove(db: EntityManager, { origin, organizationId }: Origin, by: Caller | null): Promise<void> {
    await lockOrganization(db, organizationId);
    const clients = await db.findBy(ClientOrigin, { organizationId, origin });
    await db.delete(Origin, { origin, organizationId });
    for (const { clientId } of clients) await this.revocation.revokeTokensOfRemovedFrames(db, clientId, by);
    await this.record(db, 'ORIGIN_REMOVED', { origin, organizationId, by });
  }

  private record(
    db: EntityManager,
    event: 'ORIGIN_ADDED' | 'ORIGIN_REMOVED',
    { origin, organizationId, by }: Omit<NewOwner, 'proof'>,
  ): Promise<void> {
    return this.audit.record(db, { event, organizationId, by, details: { origin } });
  }
}
