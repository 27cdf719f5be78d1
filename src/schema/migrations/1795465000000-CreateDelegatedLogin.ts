import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Tables in the order in which they can be created; dropped in the opposite one. */
const TABLES = [
  'organizations',
  'third_parties',
  'users',
  'email_addresses',
  'third_party_ids',
  'account_permissions',
  'groups',
  'memberships',
  'group_staff',
  'clients',
  'client_origins',
  'signing_keys',
  'login_tokens',
  'sessions',
  'failed_attempts',
];

/** Organizations, accounts, groups, callers' clients, login tokens and sessions. */
export class CreateDelegatedLogin1795465000000 implements MigrationInterface {
  readonly name = 'CreateDelegatedLogin1795465000000';

  async up(runner: QueryRunner): Promise<void> {
    const instant = runner.dataSource.options.type === 'postgres' ? 'timestamptz(3)' : 'datetime';
    for (const statement of schema(instant)) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of TABLES.toReversed()) await runner.query(`DROP TABLE "${table}"`);
  }
}

function schema(instant: string): string[] {
  return [
    `CREATE TABLE "organizations" (
      "id" varchar(22) NOT NULL,
      "name" varchar(255) NOT NULL,
      "email_address" varchar(254),
      "locale" varchar(35),
      "created_at" ${instant} NOT NULL,
      CONSTRAINT "organizations_pkey" PRIMARY KEY ("id")
    )`,
    `CREATE TABLE "third_parties" (
      "code" varchar(64) NOT NULL,
      "organization_id" varchar(22) NOT NULL,
      CONSTRAINT "third_parties_pkey" PRIMARY KEY ("code"),
      CONSTRAINT "third_parties_organization_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations" ("id") ON DELETE CASCADE
    )`,
    `CREATE INDEX "third_parties_organization_idx" ON "third_parties" ("organization_id")`,
    `CREATE TABLE "users" (
      "id" varchar(22) NOT NULL,
      "type" varchar(16) NOT NULL,
      "status" varchar(16) NOT NULL,
      "name" varchar(255) NOT NULL,
      "locale" varchar(35),
      "time_zone" varchar(64),
      "description" text,
      "domicile" varchar(2),
      "year_of_birth" integer,
      "organization_id" varchar(22),
      "staff_organization_id" varchar(22),
      "created_at" ${instant} NOT NULL,
      CONSTRAINT "users_pkey" PRIMARY KEY ("id"),
      CONSTRAINT "users_type_check" CHECK ("type" IN ('USER', 'SERVICE_ACCOUNT')),
      CONSTRAINT "users_status_check" CHECK ("status" IN ('ACTIVE', 'BLOCKED')),
      CONSTRAINT "users_organization_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations" ("id") ON DELETE SET NULL,
      CONSTRAINT "users_staff_organization_fkey" FOREIGN KEY ("staff_organization_id") REFERENCES "organizations" ("id") ON DELETE SET NULL
    )`,
    `CREATE INDEX "users_organization_idx" ON "users" ("organization_id")`,
    `CREATE INDEX "users_staff_organization_idx" ON "users" ("staff_organization_id")`,
    `CREATE TABLE "email_addresses" (
      "address" varchar(254) NOT NULL,
      "user_id" varchar(22) NOT NULL,
      "is_primary" boolean NOT NULL,
      CONSTRAINT "email_addresses_pkey" PRIMARY KEY ("address"),
      CONSTRAINT "email_addresses_user_fkey" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE
    )`,
    `CREATE INDEX "email_addresses_user_idx" ON "email_addresses" ("user_id")`,
    `CREATE TABLE "third_party_ids" (
      "third_party" varchar(64) NOT NULL,
      "external_id" varchar(255) NOT NULL,
      "user_id" varchar(22) NOT NULL,
      CONSTRAINT "third_party_ids_pkey" PRIMARY KEY ("third_party", "external_id"),
      CONSTRAINT "third_party_ids_user_key" UNIQUE ("user_id", "third_party"),
      CONSTRAINT "third_party_ids_third_party_fkey" FOREIGN KEY ("third_party") REFERENCES "third_parties" ("code") ON DELETE CASCADE,
      CONSTRAINT "third_party_ids_user_fkey" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE
    )`,
    `CREATE TABLE "account_permissions" (
      "user_id" varchar(22) NOT NULL,
      "permission" varchar(32) NOT NULL,
      CONSTRAINT "account_permissions_pkey" PRIMARY KEY ("user_id", "permission"),
      CONSTRAINT "account_permissions_permission_check" CHECK ("permission" IN ('OBTAIN_ACCESS_TOKENS', 'MANAGE_USERS', 'CREATE_GROUPS', 'MANAGE_ALL_GROUPS', 'MANAGE_STAFF', 'MANAGE_SERVICE_ACCOUNTS', 'VIEW_AUDIT_LOG')),
      CONSTRAINT "account_permissions_user_fkey" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE
    )`,
    `CREATE TABLE "groups" (
      "id" varchar(22) NOT NULL,
      "organization_id" varchar(22) NOT NULL,
      "name" varchar(255) NOT NULL,
      "description" text NOT NULL,
      "custom_reference" varchar(255),
      "created_at" ${instant} NOT NULL,
      "last_edited_at" ${instant} NOT NULL,
      CONSTRAINT "groups_pkey" PRIMARY KEY ("id"),
      CONSTRAINT "groups_organization_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations" ("id") ON DELETE CASCADE
    )`,
    `CREATE INDEX "groups_organization_idx" ON "groups" ("organization_id")`,
    `CREATE TABLE "memberships" (
      "user_id" varchar(22) NOT NULL,
      "group_id" varchar(22) NOT NULL,
      "status" varchar(16) NOT NULL,
      "invited_at" ${instant},
      "joined_at" ${instant},
      CONSTRAINT "memberships_pkey" PRIMARY KEY ("user_id", "group_id"),
      CONSTRAINT "memberships_status_check" CHECK ("status" IN ('JOINED', 'INVITED')),
      CONSTRAINT "memberships_user_fkey" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE,
      CONSTRAINT "memberships_group_fkey" FOREIGN KEY ("group_id") REFERENCES "groups" ("id") ON DELETE CASCADE
    )`,
    `CREATE INDEX "memberships_group_idx" ON "memberships" ("group_id")`,
    `CREATE TABLE "group_staff" (
      "user_id" varchar(22) NOT NULL,
      "group_id" varchar(22) NOT NULL,
      "permission" varchar(16) NOT NULL,
      CONSTRAINT "group_staff_pkey" PRIMARY KEY ("user_id", "group_id"),
      CONSTRAINT "group_staff_permission_check" CHECK ("permission" IN ('MANAGE', 'VIEW')),
      CONSTRAINT "group_staff_user_fkey" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE,
      CONSTRAINT "group_staff_group_fkey" FOREIGN KEY ("group_id") REFERENCES "groups" ("id") ON DELETE CASCADE
    )`,
    `CREATE INDEX "group_staff_group_idx" ON "group_staff" ("group_id")`,
    `CREATE TABLE "clients" (
      "id" varchar(32) NOT NULL,
      "name" varchar(255) NOT NULL,
      "organization_id" varchar(22) NOT NULL,
      "created_at" ${instant} NOT NULL,
      CONSTRAINT "clients_pkey" PRIMARY KEY ("id"),
      CONSTRAINT "clients_organization_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations" ("id") ON DELETE CASCADE
    )`,
    `CREATE INDEX "clients_organization_idx" ON "clients" ("organization_id")`,
    `CREATE TABLE "client_origins" (
      "client_id" varchar(32) NOT NULL,
      "origin" varchar(255) NOT NULL,
      CONSTRAINT "client_origins_pkey" PRIMARY KEY ("client_id", "origin"),
      CONSTRAINT "client_origins_client_fkey" FOREIGN KEY ("client_id") REFERENCES "clients" ("id") ON DELETE CASCADE
    )`,
    `CREATE TABLE "signing_keys" (
      "kid" varchar(22) NOT NULL,
      "purpose" varchar(16) NOT NULL,
      "algorithm" varchar(16) NOT NULL,
      "sealed_jwk" text NOT NULL,
      "created_at" ${instant} NOT NULL,
      "retired_at" ${instant},
      CONSTRAINT "signing_keys_purpose_check" CHECK ("purpose" IN ('LOGIN', 'ACCESS')),
      CONSTRAINT "signing_keys_algorithm_check" CHECK ("algorithm" IN ('HS256', 'ES256')),
      CONSTRAINT "signing_keys_pkey" PRIMARY KEY ("kid")
    )`,
    `CREATE TABLE "login_tokens" (
      "id" varchar(36) NOT NULL,
      "user_id" varchar(22) NOT NULL,
      "caller_id" varchar(22) NOT NULL,
      "client_id" varchar(32) NOT NULL,
      "group_id" varchar(22) NOT NULL,
      "issued_at" ${instant} NOT NULL,
      "expires_at" ${instant} NOT NULL,
      "revoked_at" ${instant},
      "secure" boolean NOT NULL,
      "return_to" varchar(2048),
      CONSTRAINT "login_tokens_pkey" PRIMARY KEY ("id"),
      CONSTRAINT "login_tokens_user_fkey" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE,
      CONSTRAINT "login_tokens_caller_fkey" FOREIGN KEY ("caller_id") REFERENCES "users" ("id") ON DELETE CASCADE,
      CONSTRAINT "login_tokens_client_fkey" FOREIGN KEY ("client_id") REFERENCES "clients" ("id") ON DELETE CASCADE,
      CONSTRAINT "login_tokens_group_fkey" FOREIGN KEY ("group_id") REFERENCES "groups" ("id") ON DELETE CASCADE
    )`,
    `CREATE INDEX "login_tokens_user_idx" ON "login_tokens" ("user_id")`,
    `CREATE INDEX "login_tokens_caller_idx" ON "login_tokens" ("caller_id")`,
    `CREATE INDEX "login_tokens_client_idx" ON "login_tokens" ("client_id")`,
    `CREATE INDEX "login_tokens_group_idx" ON "login_tokens" ("group_id")`,
    `CREATE INDEX "login_tokens_expires_at_idx" ON "login_tokens" ("expires_at")`,
    `CREATE TABLE "sessions" (
      "id" varchar(22) NOT NULL,
      "secret_hash" varchar(43) NOT NULL,
      "user_id" varchar(22) NOT NULL,
      "login_token_id" varchar(36) NOT NULL,
      "secure" boolean NOT NULL,
      "created_at" ${instant} NOT NULL,
      "last_seen_at" ${instant} NOT NULL,
      "expires_at" ${instant} NOT NULL,
      "ended_at" ${instant},
      CONSTRAINT "sessions_pkey" PRIMARY KEY ("id"),
      CONSTRAINT "sessions_user_fkey" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE,
      CONSTRAINT "sessions_login_token_fkey" FOREIGN KEY ("login_token_id") REFERENCES "login_tokens" ("id") ON DELETE CASCADE
    )`,
    `CREATE UNIQUE INDEX "sessions_secret_hash_key" ON "sessions" ("secret_hash")`,
    `CREATE UNIQUE INDEX "sessions_login_token_key" ON "sessions" ("login_token_id")`,
    `CREATE INDEX "sessions_user_idx" ON "sessions" ("user_id")`,
    `CREATE INDEX "sessions_expires_at_idx" ON "sessions" ("expires_at")`,
    `CREATE TABLE "failed_attempts" (
      "key" varchar(128) NOT NULL,
      "count" integer NOT NULL,
      "expires_at" ${instant} NOT NULL,
      CONSTRAINT "failed_attempts_pkey" PRIMARY KEY ("key")
    )`,
    `CREATE INDEX "failed_attempts_expires_at_idx" ON "failed_attempts" ("expires_at")`,
  ];
}
