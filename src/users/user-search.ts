import type { EntityManager } from 'typeorm';
import { searchTerms } from '../common/search-text.js';
import type { TermRange } from '../common/search-text.js';
import { EmailAddress } from '../schema/entities/email-address.entity.js';
import { ThirdPartyId } from '../schema/entities/third-party-id.entity.js';
import { UserSearchTerm } from '../schema/entities/user-search-term.entity.js';
import { User } from '../schema/entities/user.entity.js';

/** Updates an account's search terms. Call it whenever its name, an e-mail address or a third-party ID changes. */
export async function indexUser(db: EntityManager, userId: string): Promise<void> {
  const { name, type, organizationId } = await db.findOneByOrFail(User, { id: userId });
  const addresses = await db.findBy(EmailAddress, { userId });
  const thirdPartyIds = await db.findBy(ThirdPartyId, { userId });
  const texts: [name: string, ...others: string[]] = [
    name,
    ...addresses.map(({ address }) => address),
    ...thirdPartyIds.map(({ externalId }) => externalId),
  ];
  await db.delete(UserSearchTerm, { userId });
  const terms = searchTerms(texts).map((term) => ({
    userId,
    term,
    // Searches for an organization's people must not find service accounts.
    organizationId: type === 'USER' ? organizationId : null,
  }));
  if (terms.length > 0) await db.insert(UserSearchTerm, terms);
}

/**
 * An SQL condition for an account to match a search. `userId` is an SQL expression; the parameters are the range of the
 * search.
 */
export function userMatchesSearch(userId: string): string {
  return `EXISTS (SELECT 1 FROM "user_search_terms" found WHERE found."user_id" = ${userId} AND found."term" >= :from AND found."term" < :below)`;
}

/**
 * An SQL condition for the account `u` to match a search by what other organizations see of it. Third-party IDs and
 * further addresses are private: whoever could search for them could find them out letter by letter. If an account has
 * no such private data, its search terms are enough; otherwise, a word of its name or primary address must begin with
 * the query.
 */
export function userMatchesVisibleSearch(u: string): string {
  return `(
    NOT (EXISTS (SELECT 1 FROM "third_party_ids" p WHERE p."user_id" = ${u}.id)
      OR EXISTS (SELECT 1 FROM "email_addresses" e WHERE e."user_id" = ${u}.id AND e."is_primary" = FALSE))
    OR ' ' || LOWER(${u}.name) LIKE :inName ESCAPE '!'
    OR EXISTS (SELECT 1 FROM "email_addresses" e
               WHERE e."user_id" = ${u}.id AND e."is_primary" = TRUE AND '@' || e."address" LIKE :inAddress ESCAPE '!'))`;
}

export function visibleSearchParameters({ from }: TermRange): { inName: string; inAddress: string } {
  const text = from.replaceAll(/[!%_]/g, '!$&');
  return { inName: `% ${text}%`, inAddress: `%@${text}%` };
}
