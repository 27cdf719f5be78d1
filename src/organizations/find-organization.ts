import type { EntityManager } from 'typeorm';
import { Organization } from '../schema/entities/organization.entity.js';

/** The organization that the command line names by its id or its name. @throws Error if there is none, or more than one */
export async function findOrganization(db: EntityManager, text: string): Promise<Organization> {
  const byId = await db.findOneBy(Organization, { id: text });
  if (byId) return byId;
  const found = await db.findBy(Organization, { name: text });
  if (found.length === 1) return found[0]!;
  throw new Error(
    found.length > 1
      ? `Several organizations are called ${JSON.stringify(text)}: give the id.`
      : `There is no organization ${JSON.stringify(text)}.`,
  );
}
