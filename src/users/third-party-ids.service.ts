import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { EntityManager, Repository } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import type { Caller } from '../common/caller.js';
import { DomainError } from '../common/errors/errors.js';
import { Database } from '../database/database.js';
import { insertOrIgnore } from '../database/insert-or-ignore.js';
import { ThirdParty } from '../schema/entities/third-party.entity.js';
import type { ThirdPartyIdDto } from './dto/user.dto.js';
import { findUser } from './find-user.js';
import { ThirdPartyId } from '../schema/entities/third-party-id.entity.js';
import { indexUser } from './user-search.js';
import { parseThirdPartyId } from '../common/user-ref.js';
import type { ThirdPartyIdRef, UserRef } from '../common/user-ref.js';
import type { User } from '../schema/entities/user.entity.js';
import { UsersPolicy } from './users.policy.js';

/** The third-party IDs of users (docs/api.md, section 6.5). */
@Injectable()
export class ThirdPartyIdsService {
  constructor(
    @InjectRepository(ThirdPartyId) private readonly ids: Repository<ThirdPartyId>,
    private readonly database: Database,
    private readonly policy: UsersPolicy,
    private readonly audit: AuditService,
  ) {}

  /** Lists a user's third-party IDs. @throws DomainError `no_access`, `nonexistent_user` */
  async list(caller: Caller, ref: UserRef): Promise<ThirdPartyIdDto[]> {
    const userId = await this.policy.requireMaySee(caller, ref);
    const ids = await this.ids.find({ where: { userId }, order: { thirdParty: 'ASC' } });
    return ids.map(({ thirdParty, externalId }) => ({ thirdParty, id: externalId }));
  }

  /**
   * Finds one of a user's third-party IDs. @throws DomainError `no_access`, `nonexistent_user`,
   * `unknown_third_party_id`
   */
  async get(caller: Caller, ref: UserRef, { thirdParty, id }: ThirdPartyIdRef): Promise<ThirdPartyIdDto> {
    const found = (await this.list(caller, ref)).find((own) => own.thirdParty === thirdParty && own.id === id);
    if (!found) throw new DomainError('unknown_third_party_id');
    return found;
  }

  /**
   * Assigns a third-party ID. @throws DomainError those of `get`, `invalid_third_party_id`, `third_party_id_in_use`,
   * `third_party_already_assigned`
   */
  async assign(caller: Caller, ref: UserRef, thirdPartyId: ThirdPartyIdRef): Promise<void> {
    await this.database.transaction(async (db) => {
      const user = await this.requireChangeable(db, caller, ref);
      const { thirdParty, id: externalId } = thirdPartyId;
      const hasIt = await db.existsBy(ThirdPartyId, { userId: user.id, thirdParty, externalId });
      await assignThirdPartyId(db, user.organizationId!, user.id, thirdPartyId);
      if (!hasIt) await this.record(db, 'THIRD_PARTY_ID_ASSIGNED', caller, user, thirdParty);
      await indexUser(db, user.id);
    });
  }

  /** Removes a third-party ID. @throws DomainError `no_access`, `nonexistent_user`, `unknown_third_party_id` */
  async remove(caller: Caller, ref: UserRef, { thirdParty, id }: ThirdPartyIdRef): Promise<void> {
    await this.database.transaction(async (db) => {
      const user = await this.requireChangeable(db, caller, ref);
      const own = { userId: user.id, thirdParty, externalId: id };
      if (!(await db.existsBy(ThirdPartyId, own))) throw new DomainError('unknown_third_party_id');
      await db.delete(ThirdPartyId, own);
      await this.record(db, 'THIRD_PARTY_ID_REMOVED', caller, user, thirdParty);
      await indexUser(db, user.id);
    });
  }

  private record(
    db: EntityManager,
    event: 'THIRD_PARTY_ID_ASSIGNED' | 'THIRD_PARTY_ID_REMOVED',
    by: Caller,
    { id: userId, organizationId }: User,
    thirdParty: string,
  ): Promise<void> {
    return this.audit.record(db, { event, organizationId, userId, by, details: { thirdParty } });
  }

  private async requireChangeable(db: EntityManager, caller: Caller, ref: UserRef): Promise<User> {
    const user = await this.policy.requireMayChange(db, caller, await findUser(db, caller, ref), true);
    await this.policy.requireHoldsPermissionsOf(db, caller, user, 'no_access');
    this.policy.requireCanBeAddressed(user);
    return user;
  }
}

/**
 * The third-party ID in the fields of an account, if there is one. @throws DomainError `invalid_third_party_id` if only
 * half of it is given
 */
export function newThirdPartyId(fields: {
  thirdParty?: string | null;
  thirdPartyId?: string | null;
}): ThirdPartyIdRef | null {
  const { thirdParty, thirdPartyId } = fields;
  if (!thirdParty && !thirdPartyId) return null;
  return parseThirdPartyId({ thirdParty, id: thirdPartyId });
}

/** Gives a user an ID of one of the organization's third parties. It is no error if the user already has it. */
export async function assignThirdPartyId(
  db: EntityManager,
  organizationId: string,
  userId: string,
  { thirdParty, id: externalId }: ThirdPartyIdRef,
): Promise<void> {
  if (!(await db.existsBy(ThirdParty, { code: thirdParty, organizationId })))
    throw new DomainError('invalid_third_party_id', 'The organization has no third party with this code.');
  // A concurrent request for the same ID waits here and then finds the other's row.
  await insertOrIgnore(db, ThirdPartyId, { thirdParty, externalId, userId });
  const holder = await db.findOneBy(ThirdPartyId, { thirdParty, externalId });
  if (!holder) throw new DomainError('third_party_already_assigned');
  if (holder.userId !== userId) throw new DomainError('third_party_id_in_use');
}
