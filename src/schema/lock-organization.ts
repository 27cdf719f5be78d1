import type { EntityManager } from 'typeorm';

/**
 * Lets one transaction after the other change the organization and its staff: the next one waits here until this one
 * ends, and then reads what it has written. On SQLite there is only one writing transaction at a time.
 */
export async function lockOrganization(db: EntityManager, id: string): Promise<void> {
  if (db.dataSource.options.type !== 'postgres') return;
  // Not FOR UPDATE: that would also hold up everybody who writes a row that refers to the organization.
  await db.query('SELECT 1 FROM "organizations" WHERE "id" = $1 FOR NO KEY UPDATE', [id]);
}
