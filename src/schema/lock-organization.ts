import type { EntityManager } from 'typeorm';

/**
 * Makes transactions that change an organization and its staff run one after the other. The next one waits here until
 * this one ends, and then reads its changes. On SQLite there is only one writing transaction at a time.
 */
export async function lockOrganization(db: EntityManager, id: string): Promise<void> {
  if (db.dataSource.options.type !== 'postgres') return;
  // FOR UPDATE would also block everybody who writes a row that refers to the organization.
  await db.query('SELECT 1 FROM "organizations" WHERE "id" = $1 FOR NO KEY UPDATE', [id]);
}
