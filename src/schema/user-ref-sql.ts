import type { Statement } from '../database/statement.js';
import type { NamingRef } from '../common/user-ref.js';

type RefKind = NamingRef['by'];

/** A referenced user in SQL. */
interface ReferencedUser {
  kind: RefKind;
  /** An expression for the user's ID. */
  userId: string;
  /** The number of the next free parameter. */
  next: number;
}

/**
 * An expression for the user of a reference. Its parameters are `refParameters`, the first of which has the number
 * `first`.
 */
function userIdSql(kind: RefKind, first: number): Omit<ReferencedUser, 'kind'> {
  const [one, two] = [`$${first}`, `$${first + 1}`];
  switch (kind) {
    case 'id':
      return { userId: one, next: first + 1 };
    case 'emailAddress':
      return { userId: `(SELECT e."user_id" FROM "email_addresses" e WHERE e."address" = ${one})`, next: first + 1 };
    case 'thirdPartyId':
      return {
        userId: `(SELECT t."user_id" FROM "third_party_ids" t WHERE t."third_party" = ${one} AND t."external_id" = ${two})`,
        next: first + 2,
      };
  }
}

/** Builds one statement for each kind of reference. Its name ends in the kind. */
export function statementsByRef(
  name: string,
  make: (user: ReferencedUser) => string,
  { first = 1, isRepeatable }: { first?: number } & Pick<Statement, 'isRepeatable'> = {},
): Record<RefKind, Statement> {
  return byRef((user) => ({ name: `${name}_${user.kind}`, sql: make(user), isRepeatable }), first);
}

/** A statement for each kind of reference. */
export function byRef(make: (user: ReferencedUser) => Statement, first = 1): Record<RefKind, Statement> {
  const statement = (kind: RefKind): Statement => make({ kind, ...userIdSql(kind, first) });
  return { id: statement('id'), emailAddress: statement('emailAddress'), thirdPartyId: statement('thirdPartyId') };
}

export function refParameters(ref: NamingRef): string[] {
  switch (ref.by) {
    case 'id':
      return [ref.id];
    case 'emailAddress':
      return [ref.address];
    case 'thirdPartyId':
      return [ref.thirdParty, ref.id];
  }
}
