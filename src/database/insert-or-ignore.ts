import type { EntityManager, EntityTarget, ObjectLiteral } from 'typeorm';
import type { QueryDeepPartialEntity } from 'typeorm/query-builder/QueryPartialEntity.js';

/**
 * Inserts a row, or several, unless a unique index already has it. A concurrent insert of the same row waits here and then finds
 * the other's, so read afterwards whose row it is.
 */
export async function insertOrIgnore<Entity extends ObjectLiteral>(
  db: EntityManager,
  entity: EntityTarget<Entity>,
  row: QueryDeepPartialEntity<Entity> | QueryDeepPartialEntity<Entity>[],
): Promise<void> {
  await db.createQueryBuilder().insert().into(entity).values(row).orIgnore().execute();
}
