import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A link that verifies an address is good only while whoever made it still has the right to make it. Nobody knows who
 * made the links that exist, so these end. Links also end when another account gets the address, which is found by an
 * index.
 */
export class NameMakersOfVerificationLinks1796960000000 implements MigrationInterface {
  readonly name = 'NameMakersOfVerificationLinks1796960000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [
      `UPDATE "unverified_email_addresses" SET "link_hash" = NULL, "link_expires_at" = NULL`,
      `ALTER TABLE "unverified_email_addresses" ADD COLUMN "link_made_by" varchar(22)`,
      `CREATE INDEX "unverified_email_addresses_address_idx" ON "unverified_email_addresses" ("address")`,
    ])
      await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX "unverified_email_addresses_address_idx"`);
    await runner.query(`ALTER TABLE "unverified_email_addresses" DROP COLUMN "link_made_by"`);
  }
}
