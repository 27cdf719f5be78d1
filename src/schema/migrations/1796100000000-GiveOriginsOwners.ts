import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Every origin belongs to one organization, and a client has origins of its own organization only. */
export class GiveOriginsOwners1796100000000 implements MigrationInterface {
  readonly name = 'GiveOriginsOwners1796100000000';

  async up(runner: QueryRunner): Promise<void> {
    const instant = runner.dataSource.options.type === 'postgres' ? 'timestamptz(3)' : 'datetime';
    for (const statement of [
      `CREATE TABLE "origins" (
        "origin" varchar(255) NOT NULL,
        "organization_id" varchar(22) NOT NULL,
        "proof" varchar(16) NOT NULL,
        "since" ${instant} NOT NULL,
        CONSTRAINT "origins_pkey" PRIMARY KEY ("origin"),
        CONSTRAINT "origins_organization_key" UNIQUE ("organization_id", "origin"),
        CONSTRAINT "origins_proof_check" CHECK ("proof" IN ('FILE', 'OPERATOR', 'UPGRADE')),
        CONSTRAINT "origins_organization_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations" ("id") ON DELETE CASCADE
      )`,
      // An origin that clients of two organizations have registered may be that of either: it becomes nobody's.
      `INSERT INTO "origins" ("origin", "organization_id", "proof", "since")
       SELECT o."origin", MIN(c."organization_id"), 'UPGRADE', MIN(c."created_at")
       FROM "client_origins" o JOIN "clients" c ON c."id" = o."client_id"
       GROUP BY o."origin" HAVING COUNT(DISTINCT c."organization_id") = 1`,
      `CREATE UNIQUE INDEX "clients_organization_key" ON "clients" ("organization_id", "id")`,
      `DROP INDEX "clients_organization_idx"`,
      `CREATE TABLE "client_origins_before" AS SELECT "client_id", "origin" FROM "client_origins"`,
      `DROP TABLE "client_origins"`,
      `CREATE TABLE "client_origins" (
        "client_id" varchar(32) NOT NULL,
        "origin" varchar(255) NOT NULL,
        "organization_id" varchar(22) NOT NULL,
        CONSTRAINT "client_origins_pkey" PRIMARY KEY ("client_id", "origin"),
        CONSTRAINT "client_origins_client_fkey" FOREIGN KEY ("organization_id", "client_id") REFERENCES "clients" ("organization_id", "id") ON DELETE CASCADE,
        CONSTRAINT "client_origins_origin_fkey" FOREIGN KEY ("organization_id", "origin") REFERENCES "origins" ("organization_id", "origin") ON DELETE CASCADE
      )`,
      `CREATE INDEX "client_origins_origin_idx" ON "client_origins" ("organization_id", "origin")`,
      `INSERT INTO "client_origins" ("client_id", "origin", "organization_id")
       SELECT b."client_id", b."origin", o."organization_id"
       FROM "client_origins_before" b JOIN "origins" o ON o."origin" = b."origin"`,
      `DROP TABLE "client_origins_before"`,
      `ALTER TABLE "login_tokens" ADD COLUMN "return_origin" varchar(255)`,
    ])
      await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of [
      `ALTER TABLE "login_tokens" DROP COLUMN "return_origin"`,
      `CREATE TABLE "client_origins_before" AS SELECT "client_id", "origin" FROM "client_origins"`,
      `DROP TABLE "client_origins"`,
      `CREATE INDEX "clients_organization_idx" ON "clients" ("organization_id")`,
      `DROP INDEX "clients_organization_key"`,
      `CREATE TABLE "client_origins" (
        "client_id" varchar(32) NOT NULL,
        "origin" varchar(255) NOT NULL,
        CONSTRAINT "client_origins_pkey" PRIMARY KEY ("client_id", "origin"),
        CONSTRAINT "client_origins_client_fkey" FOREIGN KEY ("client_id") REFERENCES "clients" ("id") ON DELETE CASCADE
      )`,
      `INSERT INTO "client_origins" ("client_id", "origin") SELECT "client_id", "origin" FROM "client_origins_before"`,
      `DROP TABLE "client_origins_before"`,
      `DROP TABLE "origins"`,
    ])
      await runner.query(statement);
  }
}
