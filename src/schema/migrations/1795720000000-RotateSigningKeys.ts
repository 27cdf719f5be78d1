import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A signing key is published some time before it signs, and verifies until its last token has ended. */
export class RotateSigningKeys1795720000000 implements MigrationInterface {
  readonly name = 'RotateSigningKeys1795720000000';

  async up(runner: QueryRunner): Promise<void> {
    const isPostgres = runner.dataSource.options.type === 'postgres';
    for (const statement of isPostgres ? POSTGRES : SQLITE) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const column of ['signs_from', 'needed_until'])
      await runner.query(`ALTER TABLE "signing_keys" DROP COLUMN "${column}"`);
  }
}

const POSTGRES = [
  `ALTER TABLE "signing_keys" ADD COLUMN "signs_from" timestamptz(3), ADD COLUMN "needed_until" timestamptz(3)`,
  `UPDATE "signing_keys" SET "signs_from" = "created_at"`,
  `ALTER TABLE "signing_keys" ALTER COLUMN "signs_from" SET NOT NULL`,
];

/** SQLite adds no column that is required and has no default, so the table is made anew. */
const SQLITE = [
  `CREATE TABLE "new_signing_keys" (
    "kid" varchar(22) NOT NULL,
    "purpose" varchar(16) NOT NULL,
    "algorithm" varchar(16) NOT NULL,
    "sealed_jwk" text NOT NULL,
    "created_at" datetime NOT NULL,
    "signs_from" datetime NOT NULL,
    "needed_until" datetime,
    "retired_at" datetime,
    CONSTRAINT "signing_keys_purpose_check" CHECK ("purpose" IN ('LOGIN', 'ACCESS')),
    CONSTRAINT "signing_keys_algorithm_check" CHECK ("algorithm" IN ('HS256', 'ES256')),
    CONSTRAINT "signing_keys_pkey" PRIMARY KEY ("kid")
  )`,
  `INSERT INTO "new_signing_keys" ("kid", "purpose", "algorithm", "sealed_jwk", "created_at", "signs_from", "retired_at")
   SELECT "kid", "purpose", "algorithm", "sealed_jwk", "created_at", "created_at", "retired_at" FROM "signing_keys"`,
  `DROP TABLE "signing_keys"`,
  `ALTER TABLE "new_signing_keys" RENAME TO "signing_keys"`,
];
