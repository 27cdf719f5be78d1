import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What the authorization server keeps names the account that signed in for it, so that it goes with the account and with
 * its password. What is there already is told from its payload: nobody has to sign in again for an upgrade, and no
 * refresh token from before it outlives a password that is set after it.
 */
export class NameAccountsOfSignIns1795770000000 implements MigrationInterface {
  readonly name = 'NameAccountsOfSignIns1795770000000';

  async up(runner: QueryRunner): Promise<void> {
    const text =
      runner.dataSource.options.type === 'postgres'
        ? (path: string): string => `"payload"::json #>> '{${path.replaceAll('.', ',')}}'`
        : (path: string): string => `json_extract("payload", '$.${path}')`;
    const accountId = ['result.login.accountId', 'accountId', 'session.accountId'].map(text).join(', ');
    for (const statement of [
      // What a stranger may have sent in an authorization request: PostgreSQL reads no JSON with a NUL in it.
      `DELETE FROM "oauth_records" WHERE "payload" LIKE '%\\u0000%' ESCAPE '!'`,
      `ALTER TABLE "oauth_records" ADD COLUMN "account_id" varchar(22)`,
      `UPDATE "oauth_records" SET "account_id" = COALESCE(${accountId})`,
      `CREATE INDEX "oauth_records_account_idx" ON "oauth_records" ("account_id")`,
    ])
      await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX "oauth_records_account_idx"`);
    await runner.query(`ALTER TABLE "oauth_records" DROP COLUMN "account_id"`);
  }
}
