import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Passkeys, the recovery codes that take their place, and organizations that require them of their staff. */
export class AddPasskeys1797900000000 implements MigrationInterface {
  readonly name = 'AddPasskeys1797900000000';

  async up(runner: QueryRunner): Promise<void> {
    const isPostgres = runner.dataSource.options.type === 'postgres';
    const instant = isPostgres ? 'timestamptz(3)' : 'datetime';
    const bytes = isPostgres ? 'bytea' : 'blob';
    for (const statement of [
      `CREATE TABLE "passkeys" (
        "id" varchar(1364) NOT NULL,
        "user_id" varchar(22) NOT NULL,
        "name" varchar(100) NOT NULL,
        "public_key" ${bytes} NOT NULL,
        "sign_count" bigint NOT NULL,
        "transports" varchar(100) NOT NULL,
        "created_at" ${instant} NOT NULL,
        "last_used_at" ${instant},
        CONSTRAINT "passkeys_pkey" PRIMARY KEY ("id"),
        CONSTRAINT "passkeys_user_fkey" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE
      )`,
      `CREATE INDEX "passkeys_user_idx" ON "passkeys" ("user_id")`,
      `CREATE TABLE "recovery_codes" (
        "user_id" varchar(22) NOT NULL,
        "code_hash" varchar(43) NOT NULL,
        CONSTRAINT "recovery_codes_pkey" PRIMARY KEY ("user_id", "code_hash"),
        CONSTRAINT "recovery_codes_user_fkey" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE
      )`,
      `ALTER TABLE "organizations" ADD COLUMN "requires_passkeys" boolean NOT NULL DEFAULT ${isPostgres ? 'FALSE' : '0'}`,
    ])
      await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of [
      `ALTER TABLE "organizations" DROP COLUMN "requires_passkeys"`,
      `DROP TABLE "recovery_codes"`,
      `DROP TABLE "passkeys"`,
    ])
      await runner.query(statement);
  }
}
