import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Addresses that people set for themselves, apart from those that name an account: nobody has shown yet that they are theirs. */
export class AddUnverifiedEmailAddresses1796200000000 implements MigrationInterface {
  readonly name = 'AddUnverifiedEmailAddresses1796200000000';

  async up(runner: QueryRunner): Promise<void> {
    const instant = runner.dataSource.options.type === 'postgres' ? 'timestamptz(3)' : 'datetime';
    for (const statement of [
      `CREATE TABLE "unverified_email_addresses" (
        "user_id" varchar(22) NOT NULL,
        "address" varchar(254) NOT NULL,
        "is_primary" boolean NOT NULL,
        "link_hash" varchar(43),
        "link_expires_at" ${instant},
        CONSTRAINT "unverified_email_addresses_pkey" PRIMARY KEY ("user_id", "address"),
        CONSTRAINT "unverified_email_addresses_user_fkey" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE
      )`,
      `CREATE UNIQUE INDEX "unverified_email_addresses_link_idx" ON "unverified_email_addresses" ("link_hash")`,
    ])
      await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE "unverified_email_addresses"`);
  }
}
