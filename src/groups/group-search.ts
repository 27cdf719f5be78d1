import type { EntityManager } from 'typeorm';
import { searchTerms } from '../common/search-text.js';
import { GroupSearchTerm } from '../schema/entities/group-search-term.entity.js';
import { Group } from '../schema/entities/group.entity.js';

/** Updates a group's search terms. Call it whenever the name or the reference of a group changes. */
export async function indexGroup(db: EntityManager, groupId: string): Promise<void> {
  const { name, customReference, organizationId } = await db.findOneByOrFail(Group, { id: groupId });
  await db.delete(GroupSearchTerm, { groupId });
  const terms = searchTerms([name, customReference ?? '']).map((term) => ({ groupId, term, organizationId }));
  if (terms.length > 0) await db.insert(GroupSearchTerm, terms);
}

/**
 * An SQL condition for a group to match a search. `groupId` is an SQL expression; the parameters are the range of the
 * search.
 */
export function groupMatchesSearch(groupId: string): string {
  return `EXISTS (SELECT 1 FROM "group_search_terms" found WHERE found."group_id" = ${groupId} AND found."term" >= :from AND found."term" < :below)`;
}
