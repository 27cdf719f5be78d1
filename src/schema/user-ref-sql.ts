import type { Statement } from '../database/statement.js';
import type { NamingRef } from '../common/user-ref.js';

type RefKind = NamingRef['by'];

/** A referenced user in SQL: an expression for the user's ID, and the number of the next free parameter. */
interface ReferencedUser {
  userId: string;
  next: number;
}

/**
 * An expression for the user of a reference. Its parameters are `refParameters`, the first of which has the number
 * `first`.
 */
function userIdSql(kind: RefKind, first: number): ReferencedUser {
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
  const statement = (kind: RefKind): Statement => ({
    name: `${name}_${kind}`,
    sql: make(userIdSql(kind, first)),
    isRepeatable,
  });
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
