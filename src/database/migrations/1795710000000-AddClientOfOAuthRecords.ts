import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What the authorization server keeps names its client, so that it goes with the client. */
export class AddClientOfOAuthRecords1795710000000 implements MigrationInterface {
  readonly name = 'AddClientOfOAuthRecords1795710000000';

  async up(runner: QueryRunner): Promise<void> {
    const clientId =
      runner.dataSource.options.type === 'postgres'
        ? (path: string): string => `"payload"::json #>> '{${path.replace('.', ',')}}'`
        : (path: string): string => `json_extract("payload", '$.${path}')`;
    for (const statement of [
      `ALTER TABLE "oauth_records" ADD COLUMN "client_id" varchar(32)`,
      `UPDATE "oauth_records" SET "client_id" = COALESCE(${clientId('clientId')}, ${clientId('params.client_id')})`,
      `CREATE INDEX "oauth_records_client_idx" ON "oauth_records" ("client_id")`,
    ])
      await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX "oauth_records_client_idx"`);
    await runner.query(`ALTER TABLE "oauth_records" DROP COLUMN "client_id"`);
  }
}
