import type { EntityManager, EntityTarget, ObjectLiteral } from 'typeorm';
import type { QueryDeepPartialEntity } from 'typeorm/query-builder/QueryPartialEntity.js';

/**
 * Inserts a row unless a unique index has one like it. Whoever inserts the same at the same time waits here, and
 * then finds the other's: read afterwards whose it is.
 */
export async function insertOrIgnore<Entity extends ObjectLiteral>(
  db: EntityManager,
  entity: EntityTarget<Entity>,
  row: QueryDeepPartialEntity<Entity>,
): Promise<void> {
  await db.createQueryBuilder().insert().into(entity).values(row).orIgnore().execute();
}
