import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Sessions of the console. */
export class AddConsoleSessions1797300000000 implements MigrationInterface {
  readonly name = 'AddConsoleSessions1797300000000';

  async up(runner: QueryRunner): Promise<void> {
    const instant = runner.dataSource.options.type === 'postgres' ? 'timestamptz(3)' : 'datetime';
    for (const statement of [
      `CREATE TABLE "console_sessions" (
        "secret_hash" varchar(43) NOT NULL,
        "user_id" varchar(22) NOT NULL,
        "client_id" varchar(32) NOT NULL,
        "sign_in_uid" varchar(64),
        "last_seen_at" ${instant} NOT NULL,
        "expires_at" ${instant} NOT NULL,
        CONSTRAINT "console_sessions_pkey" PRIMARY KEY ("secret_hash"),
        CONSTRAINT "console_sessions_user_fkey" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE,
        CONSTRAINT "console_sessions_client_fkey" FOREIGN KEY ("client_id") REFERENCES "clients" ("id") ON DELETE CASCADE
      )`,
      `CREATE INDEX "console_sessions_user_idx" ON "console_sessions" ("user_id")`,
      `CREATE INDEX "console_sessions_client_idx" ON "console_sessions" ("client_id")`,
      `CREATE INDEX "console_sessions_sign_in_idx" ON "console_sessions" ("sign_in_uid")`,
      `CREATE INDEX "console_sessions_expires_at_idx" ON "console_sessions" ("expires_at")`,
    ])
      await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE "console_sessions"`);
  }
}
