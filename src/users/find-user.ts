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

/** The user whom `caller` names. It takes one statement, whether the user exists or not. */
export function findUser(db: EntityManager, caller: Caller, ref: UserRef): Promise<User | null> {
  return findNamedUser(db, toNamingRef(caller, ref));
}

/** As `findUser`, for a reference that needs no caller. */
export async function findNamedUser(db: EntityManager, ref: NamingRef): Promise<User | null> {
  // A reference names one user at most. `findOne` would send two statements for a user that it finds by another table.
  const [user] = await db.findBy(User, userWhere(ref));
  return user ?? null;
}
