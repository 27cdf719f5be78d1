import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What the access call chooses for the login that its token starts. Tokens from before start theirs as they did. */
const COLUMNS = [
  `"embed_origin" varchar(255)`,
  `"delivery" varchar(16) NOT NULL DEFAULT 'redirect' CONSTRAINT "login_tokens_delivery_check" CHECK ("delivery" IN ('redirect', 'link'))`,
  `"existing_session" varchar(16) NOT NULL DEFAULT 'keep' CONSTRAINT "login_tokens_existing_session_check" CHECK ("existing_session" IN ('keep', 'switch', 'ask'))`,
];

export class AddWaysOfLogin1795740000000 implements MigrationInterface {
  readonly name = 'AddWaysOfLogin1795740000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const column of COLUMNS) await runner.query(`ALTER TABLE "login_tokens" ADD COLUMN ${column}`);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const column of ['existing_session', 'delivery', 'embed_origin'])
      await runner.query(`ALTER TABLE "login_tokens" DROP COLUMN "${column}"`);
  }
}
