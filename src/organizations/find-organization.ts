import type { EntityManager } from 'typeorm';
import { Organization } from '../schema/entities/organization.entity.js';

/** Finds an organization by its ID or its name, for the command line. @throws Error unless exactly one matches */
export async function findOrganization(db: EntityManager, text: string): Promise<Organization> {
  const byId = await db.findOneBy(Organization, { id: text });
  if (byId) return byId;
  const found = await db.findBy(Organization, { name: text });
  if (found.length === 1) return found[0]!;
  throw new Error(
    found.length > 1
      ? `Several organizations are called ${JSON.stringify(text)}. Give the ID.`
      : `There is no organization ${JSON.stringify(text)}.`,
  );
}
