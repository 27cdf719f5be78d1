import type { MigrationInterface, QueryRunner } from 'typeorm';

const INDEXES = {
  memberships: '"valid_until", "group_id", "status"',
  group_staff: '"valid_until"',
  account_permissions: '"valid_until"',
};

/** Rights are found by when they end. Most end never, so only those that do are in the indexes. */
export class FindRightsThatEnd1797995000000 implements MigrationInterface {
  readonly name = 'FindRightsThatEnd1797995000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const [table, columns] of Object.entries(INDEXES))
      await runner.query(
        `CREATE INDEX "${table}_ending_idx" ON "${table}" (${columns}) WHERE "valid_until" IS NOT NULL`,
      );
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of Object.keys(INDEXES)) await runner.query(`DROP INDEX "${table}_ending_idx"`);
  }
}
