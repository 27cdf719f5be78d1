import type { EntityManager } from 'typeorm';

const waiting = new WeakMap<EntityManager, (() => void)[]>();

/**
 * Calls `work` once the transaction of `db` is committed. If it is rolled back, or is none of `Database`, nobody calls
 * it.
 */
export function afterCommit(db: EntityManager, work: () => void): void {
  waiting.get(db)?.push(work);
}

/** Begins to collect, at the start of a transaction. */
export function collectFor(db: EntityManager): void {
  waiting.set(db, []);
}

export function callCollected(db: EntityManager): void {
  for (const work of waiting.get(db)!) work();
}
