import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What organizations say is theirs and have still to prove. */
export class AddOriginClaims1796110000000 implements MigrationInterface {
  readonly name = 'AddOriginClaims1796110000000';

  async up(runner: QueryRunner): Promise<void> {
    const instant = runner.dataSource.options.type === 'postgres' ? 'timestamptz(3)' : 'datetime';
    await runner.query(`CREATE TABLE "origin_claims" (
      "organization_id" varchar(22) NOT NULL,
      "origin" varchar(255) NOT NULL,
      "challenge" varchar(43) NOT NULL,
      "created_at" ${instant} NOT NULL,
      CONSTRAINT "origin_claims_pkey" PRIMARY KEY ("organization_id", "origin"),
      CONSTRAINT "origin_claims_organization_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations" ("id") ON DELETE CASCADE
    )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE "origin_claims"`);
  }
}
