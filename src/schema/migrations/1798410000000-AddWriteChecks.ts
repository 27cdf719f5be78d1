import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The row that an instance writes to see whether the database accepts writes. */
export class AddWriteChecks1798410000000 implements MigrationInterface {
  readonly name = 'AddWriteChecks1798410000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE TABLE "write_checks" (
         "id" smallint NOT NULL,
         "count" bigint NOT NULL,
         CONSTRAINT "write_checks_id_check" CHECK ("id" = 1),
         CONSTRAINT "write_checks_pkey" PRIMARY KEY ("id")
       )`,
    );
    await runner.query(`INSERT INTO "write_checks" ("id", "count") VALUES (1, 0)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE "write_checks"`);
  }
}
