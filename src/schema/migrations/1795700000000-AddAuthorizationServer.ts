import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Tables in the order in which they can be created; dropped in the opposite one. */
const TABLES = [
  'client_secrets',
  'client_redirect_uris',
  'service_accounts',
  'service_account_keys',
  'passwords',
  'oauth_records',
  'used_assertions',
  'revoked_tokens',
];

/** Clients that authenticate, service accounts with keys, passwords, and what the authorization server keeps. */
export class AddAuthorizationServer1795700000000 implements MigrationInterface {
  readonly name = 'AddAuthorizationServer1795700000000';

  async up(runner: QueryRunner): Promise<void> {
    const [instant, no] =
      runner.dataSource.options.type === 'postgres' ? ['timestamptz(3)', 'false'] : ['datetime', '0'];
    for (const statement of schema(instant, no)) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of TABLES.toReversed()) await runner.query(`DROP TABLE "${table}"`);
    for (const column of ['is_public', 'jwks']) await runner.query(`ALTER TABLE "clients" DROP COLUMN "${column}"`);
  }
}

function schema(instant: string, no: string): string[] {
  return [
    `ALTER TABLE "clients" ADD COLUMN "is_public" boolean NOT NULL DEFAULT ${no}`,
    `ALTER TABLE "clients" ADD COLUMN "jwks" text`,
    `CREATE TABLE "client_secrets" (
      "id" varchar(22) NOT NULL,
      "client_id" varchar(32) NOT NULL,
      "secret_hash" varchar(43) NOT NULL,
      "created_at" ${instant} NOT NULL,
      CONSTRAINT "client_secrets_pkey" PRIMARY KEY ("id"),
      CONSTRAINT "client_secrets_client_fkey" FOREIGN KEY ("client_id") REFERENCES "clients" ("id") ON DELETE CASCADE
    )`,
    `CREATE INDEX "client_secrets_client_idx" ON "client_secrets" ("client_id")`,
    `CREATE TABLE "client_redirect_uris" (
      "client_id" varchar(32) NOT NULL,
      "uri" varchar(1024) NOT NULL,
      CONSTRAINT "client_redirect_uris_pkey" PRIMARY KEY ("client_id", "uri"),
      CONSTRAINT "client_redirect_uris_client_fkey" FOREIGN KEY ("client_id") REFERENCES "clients" ("id") ON DELETE CASCADE
    )`,
    `CREATE TABLE "service_accounts" (
      "user_id" varchar(22) NOT NULL,
      "client_id" varchar(32) NOT NULL,
      "created_at" ${instant} NOT NULL,
      CONSTRAINT "service_accounts_pkey" PRIMARY KEY ("user_id"),
      CONSTRAINT "service_accounts_user_fkey" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE,
      CONSTRAINT "service_accounts_client_fkey" FOREIGN KEY ("client_id") REFERENCES "clients" ("id") ON DELETE CASCADE
    )`,
    `CREATE TABLE "service_account_keys" (
      "id" varchar(22) NOT NULL,
      "user_id" varchar(22) NOT NULL,
      "algorithm" varchar(8) NOT NULL,
      "jwk" text NOT NULL,
      "created_at" ${instant} NOT NULL,
      "revoked_at" ${instant},
      CONSTRAINT "service_account_keys_pkey" PRIMARY KEY ("id"),
      CONSTRAINT "service_account_keys_algorithm_check" CHECK ("algorithm" IN ('RS256', 'ES256', 'EdDSA')),
      CONSTRAINT "service_account_keys_user_fkey" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE
    )`,
    `CREATE INDEX "service_account_keys_user_idx" ON "service_account_keys" ("user_id")`,
    `CREATE TABLE "passwords" (
      "user_id" varchar(22) NOT NULL,
      "hash" varchar(255) NOT NULL,
      "changed_at" ${instant} NOT NULL,
      CONSTRAINT "passwords_pkey" PRIMARY KEY ("user_id"),
      CONSTRAINT "passwords_user_fkey" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE
    )`,
    `CREATE TABLE "oauth_records" (
      "id" varchar(43) NOT NULL,
      "kind" varchar(32) NOT NULL,
      "payload" text NOT NULL,
      "grant_id" varchar(64),
      "uid" varchar(64),
      "consumed_at" ${instant},
      "expires_at" ${instant} NOT NULL,
      CONSTRAINT "oauth_records_pkey" PRIMARY KEY ("id")
    )`,
    `CREATE INDEX "oauth_records_grant_idx" ON "oauth_records" ("grant_id")`,
    `CREATE INDEX "oauth_records_uid_idx" ON "oauth_records" ("uid")`,
    `CREATE INDEX "oauth_records_expires_at_idx" ON "oauth_records" ("expires_at")`,
    `CREATE TABLE "used_assertions" (
      "id" varchar(43) NOT NULL,
      "expires_at" ${instant} NOT NULL,
      CONSTRAINT "used_assertions_pkey" PRIMARY KEY ("id")
    )`,
    `CREATE INDEX "used_assertions_expires_at_idx" ON "used_assertions" ("expires_at")`,
    `CREATE TABLE "revoked_tokens" (
      "id" varchar(64) NOT NULL,
      "expires_at" ${instant} NOT NULL,
      CONSTRAINT "revoked_tokens_pkey" PRIMARY KEY ("id")
    )`,
    `CREATE INDEX "revoked_tokens_expires_at_idx" ON "revoked_tokens" ("expires_at")`,
  ];
}
