import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The audit log is searched by group. Most events are of no group, so only those that are of one are in the index. */
export class FindEventsOfGroups1797960000000 implements MigrationInterface {
  readonly name = 'FindEventsOfGroups1797960000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE INDEX "audit_events_group_idx" ON "audit_events" ("organization_id", "group_id", "at", "id") WHERE "group_id" IS NOT NULL`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX "audit_events_group_idx"`);
  }
}
