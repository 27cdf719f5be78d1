import type { MigrationInterface, QueryRunner } from 'typeorm';

const TABLES = ['memberships', 'group_staff', 'account_permissions'];

/** Rights that begin and end: milliseconds since 1970. */
export class AddPeriodsOfRights1797930000000 implements MigrationInterface {
  readonly name = 'AddPeriodsOfRights1797930000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const table of TABLES)
      for (const column of ['valid_from', 'valid_until'])
        await runner.query(`ALTER TABLE "${table}" ADD COLUMN "${column}" bigint`);
    await runner.query(
      `CREATE INDEX "group_staff_bounded_idx" ON "group_staff" ("user_id") WHERE "valid_from" IS NOT NULL OR "valid_until" IS NOT NULL`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX "group_staff_bounded_idx"`);
    for (const table of TABLES)
      for (const column of ['valid_until', 'valid_from'])
        await runner.query(`ALTER TABLE "${table}" DROP COLUMN "${column}"`);
  }
}
