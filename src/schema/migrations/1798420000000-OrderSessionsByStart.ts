import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Readers that follow the audit log find sessions in the order in which they started. */
export class OrderSessionsByStart1798420000000 implements MigrationInterface {
  readonly name = 'OrderSessionsByStart1798420000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE INDEX "sessions_created_idx" ON "sessions" ("created_at")`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX "sessions_created_idx"`);
  }
}
