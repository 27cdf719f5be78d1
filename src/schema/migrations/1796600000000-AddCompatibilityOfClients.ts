import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The clients of today were all served in the ways of Drillster's hosts, so they keep them. New ones get the strict standard. */
export class AddCompatibilityOfClients1796600000000 implements MigrationInterface {
  readonly name = 'AddCompatibilityOfClients1796600000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `ALTER TABLE "clients" ADD COLUMN "compatibility" varchar(16)
         CONSTRAINT "clients_compatibility_check" CHECK ("compatibility" IN ('drillster'))`,
    );
    await runner.query(`UPDATE "clients" SET "compatibility" = 'drillster'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "clients" DROP COLUMN "compatibility"`);
  }
}
