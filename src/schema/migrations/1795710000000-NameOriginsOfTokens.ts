import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What the authorization server keeps names its client, so that it goes with the client; a login token names the key of
 * the service account that asked for it, so that it is revoked with the key.
 */
export class NameOriginsOfTokens1795710000000 implements MigrationInterface {
  readonly name = 'NameOriginsOfTokens1795710000000';

  async up(runner: QueryRunner): Promise<void> {
    const clientId =
      runner.dataSource.options.type === 'postgres'
        ? (path: string): string => `"payload"::json #>> '{${path.replace('.', ',')}}'`
        : (path: string): string => `json_extract("payload", '$.${path}')`;
    for (const statement of [
      `ALTER TABLE "oauth_records" ADD COLUMN "client_id" varchar(32)`,
      `UPDATE "oauth_records" SET "client_id" = COALESCE(${clientId('clientId')}, ${clientId('params.client_id')})`,
      `CREATE INDEX "oauth_records_client_idx" ON "oauth_records" ("client_id")`,
      `ALTER TABLE "login_tokens" ADD COLUMN "key_id" varchar(22)`,
      `CREATE INDEX "login_tokens_key_idx" ON "login_tokens" ("key_id") WHERE "key_id" IS NOT NULL`,
    ])
      await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of [
      `DROP INDEX "login_tokens_key_idx"`,
      `ALTER TABLE "login_tokens" DROP COLUMN "key_id"`,
      `DROP INDEX "oauth_records_client_idx"`,
      `ALTER TABLE "oauth_records" DROP COLUMN "client_id"`,
    ])
      await runner.query(statement);
  }
}
