import type { EntityManager, FindOptionsWhere } from 'typeorm';
import type { Caller } from '../auth/caller.js';
import type { NamingRef, UserRef } from './user-ref.js';
import { User } from './user.entity.js';

export function whereIs(ref: NamingRef): FindOptionsWhere<User> {
  switch (ref.by) {
    case 'id':
      return { id: ref.id };
    case 'emailAddress':
      return { emailAddresses: { address: ref.address } };
    case 'thirdPartyId':
      return { thirdPartyIds: { thirdParty: ref.thirdParty, externalId: ref.id } };
  }
}

/** Whom `caller` means, as it is inside a transaction. It costs one statement, whether there is somebody or not. */
export async function findIn(db: EntityManager, caller: Caller, ref: UserRef): Promise<User | null> {
  // Nobody shares a reference. `findOne` would ask twice about somebody whom it finds by another table.
  const [user] = await db.findBy(User, whereIs(ref.by === 'self' ? { by: 'id', id: caller.userId } : ref));
  return user ?? null;
}
