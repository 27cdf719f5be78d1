import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Where an organization receives its events, and the keys that sign them. */
export class AddWebhooks1798500000000 implements MigrationInterface {
  readonly name = 'AddWebhooks1798500000000';

  async up(runner: QueryRunner): Promise<void> {
    const instant = runner.dataSource.options.type === 'postgres' ? 'timestamptz(3)' : 'datetime';
    for (const statement of [
      `CREATE TABLE "webhook_endpoints" (
        "id" varchar(22) NOT NULL,
        "organization_id" varchar(22) NOT NULL,
        "url" varchar(2000) NOT NULL,
        "description" varchar(255),
        "events" text,
        "created_at" ${instant} NOT NULL,
        "status" varchar(16) NOT NULL,
        "disabled_reason" varchar(32),
        "version" integer NOT NULL DEFAULT 1,
        "cursor_at" bigint NOT NULL,
        "cursor_rank" smallint NOT NULL,
        "cursor_id" varchar(36) NOT NULL,
        "replay_at" bigint,
        "replay_rank" smallint,
        "replay_id" varchar(36),
        "replay_until" bigint,
        "failures" integer NOT NULL DEFAULT 0,
        "failing_since" bigint,
        "next_at" bigint,
        "last_error" varchar(255),
        "last_success_at" bigint,
        "lease_owner" varchar(22),
        "lease_until" bigint NOT NULL DEFAULT 0,
        CONSTRAINT "webhook_endpoints_pkey" PRIMARY KEY ("id"),
        CONSTRAINT "webhook_endpoints_status_check" CHECK ("status" IN ('ENABLED', 'DISABLED')),
        CONSTRAINT "webhook_endpoints_disabled_reason_check" CHECK ("disabled_reason" IN ('BY_ADMINISTRATOR', 'GONE', 'FAILING')),
        CONSTRAINT "webhook_endpoints_disabled_check" CHECK (("status" = 'DISABLED') = ("disabled_reason" IS NOT NULL)),
        CONSTRAINT "webhook_endpoints_organization_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations" ("id") ON DELETE CASCADE
      )`,
      `CREATE INDEX "webhook_endpoints_organization_idx" ON "webhook_endpoints" ("organization_id")`,
      `CREATE INDEX "webhook_endpoints_lease_idx" ON "webhook_endpoints" ("lease_until") WHERE "status" = 'ENABLED'`,
      `CREATE TABLE "webhook_keys" (
        "id" varchar(22) NOT NULL,
        "endpoint_id" varchar(22) NOT NULL,
        "type" varchar(16) NOT NULL,
        "public_key" varchar(64),
        "sealed_key" text NOT NULL,
        "created_at" ${instant} NOT NULL,
        "signs_until" bigint,
        CONSTRAINT "webhook_keys_pkey" PRIMARY KEY ("id"),
        CONSTRAINT "webhook_keys_type_check" CHECK ("type" IN ('ED25519', 'HMAC')),
        CONSTRAINT "webhook_keys_endpoint_fkey" FOREIGN KEY ("endpoint_id") REFERENCES "webhook_endpoints" ("id") ON DELETE CASCADE
      )`,
      `CREATE INDEX "webhook_keys_endpoint_idx" ON "webhook_keys" ("endpoint_id")`,
    ])
      await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE "webhook_keys"`);
    await runner.query(`DROP TABLE "webhook_endpoints"`);
  }
}
