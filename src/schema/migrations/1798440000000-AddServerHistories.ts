import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The history of PostgreSQL on which everything is valid: another one means that the last commits may be lost. */
export class AddServerHistories1798440000000 implements MigrationInterface {
  readonly name = 'AddServerHistories1798440000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE TABLE "server_histories" (
         "id" smallint NOT NULL,
         "history" varchar(40) NOT NULL,
         CONSTRAINT "server_histories_id_check" CHECK ("id" = 1),
         CONSTRAINT "server_histories_pkey" PRIMARY KEY ("id")
       )`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE "server_histories"`);
  }
}
