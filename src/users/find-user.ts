import type { EntityManager, FindOptionsWhere } from 'typeorm';
import type { Caller } from '../common/caller.js';
import { toNamingRef } from '../common/user-ref.js';
import type { NamingRef, UserRef } from '../common/user-ref.js';
import { User } from '../schema/entities/user.entity.js';

function userWhere(ref: NamingRef): FindOptionsWhere<User> {
  switch (ref.by) {
    case 'id':
      return { id: ref.id };
    case 'emailAddress':
      return { emailAddresses: { address: ref.address } };
    case 'thirdPartyId':
      return { thirdPartyIds: { thirdParty: ref.thirdParty, externalId: ref.id } };
  }
}

/** Finds the user whom `caller` names, in one statement, whether the user exists or not. */
export function findUser(db: EntityManager, caller: Caller, ref: UserRef): Promise<User | null> {
  return findNamedUser(db, toNamingRef(caller, ref));
}

/** Finds the user of a reference that does not depend on the caller. */
export async function findNamedUser(db: EntityManager, ref: NamingRef): Promise<User | null> {
  // A reference names at most one user. `findOne` would send two statements if it finds the user by a related table.
  const [user] = await db.findBy(User, userWhere(ref));
  return user ?? null;
}
