import { In } from 'typeorm';
import type { EntityManager, FindOptionsWhere } from 'typeorm';
import { Membership } from '../schema/entities/membership.entity.js';
import { EmailAddress } from '../schema/entities/email-address.entity.js';
import { ThirdPartyId } from '../schema/entities/third-party-id.entity.js';
import { User } from '../schema/entities/user.entity.js';

export interface UserRecord {
  user: User;
  /** The primary address. */
  emailAddress: string | undefined;
  /** By the third party's code. */
  thirdPartyIds: Map<string, string>;
  memberships: Membership[];
}

/**
 * Reads accounts and what belongs to them, ordered by ID. Each table is read by a query of its own: joins would take
 * ten times as long.
 */
export async function readUsers(
  db: EntityManager,
  where: FindOptionsWhere<User>,
  limit?: number,
): Promise<UserRecord[]> {
  const users = await db.find(User, { where, order: { id: 'ASC' }, take: limit });
  const userId = In(users.map(({ id }) => id));
  const records = new Map<string, UserRecord>(
    users.map((user) => [user.id, { user, emailAddress: undefined, thirdPartyIds: new Map(), memberships: [] }]),
  );
  for (const one of await db.findBy(EmailAddress, { userId, isPrimary: true }))
    records.get(one.userId)!.emailAddress = one.address;
  for (const one of await db.findBy(ThirdPartyId, { userId }))
    records.get(one.userId)!.thirdPartyIds.set(one.thirdParty, one.externalId);
  for (const one of await db.findBy(Membership, { userId })) records.get(one.userId)!.memberships.push(one);
  return [...records.values()];
}
