import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Links with which people set their passwords. */
export class AddPasswordLinks1796300000000 implements MigrationInterface {
  readonly name = 'AddPasswordLinks1796300000000';

  async up(runner: QueryRunner): Promise<void> {
    const instant = runner.dataSource.options.type === 'postgres' ? 'timestamptz(3)' : 'datetime';
    for (const statement of [
      `CREATE TABLE "password_links" (
        "user_id" varchar(22) NOT NULL,
        "token_hash" varchar(43) NOT NULL,
        "made_by" varchar(22),
        "expires_at" ${instant} NOT NULL,
        CONSTRAINT "password_links_pkey" PRIMARY KEY ("user_id"),
        CONSTRAINT "password_links_user_fkey" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE,
        CONSTRAINT "password_links_maker_fkey" FOREIGN KEY ("made_by") REFERENCES "users" ("id") ON DELETE CASCADE
      )`,
      `CREATE UNIQUE INDEX "password_links_token_key" ON "password_links" ("token_hash")`,
      `CREATE INDEX "password_links_maker_idx" ON "password_links" ("made_by")`,
      `CREATE INDEX "password_links_expires_at_idx" ON "password_links" ("expires_at")`,
    ])
      await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE "password_links"`);
  }
}
