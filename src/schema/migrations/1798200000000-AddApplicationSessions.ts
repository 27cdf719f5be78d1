import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What makes the worker look at an application's session at once. Only an early end does: neither a use of a session nor
 * a new one.
 */
const TRIGGERS = [
  {
    name: 'sessions_end_at_applications',
    table: 'sessions',
    column: 'ends_at',
    condition: 'NEW."ends_at" < OLD."ends_at"',
    statement: `UPDATE "application_sessions" SET "next_at" = 0 WHERE "session_id" = NEW."id" AND "state" = 'LIVE';`,
  },
  {
    name: 'sign_ins_end_at_applications',
    table: 'oauth_records',
    column: 'consumed_at',
    condition: `NEW."kind" = 'Session' AND OLD."consumed_at" IS NULL AND NEW."consumed_at" IS NOT NULL`,
    statement: `UPDATE "application_sessions" SET "next_at" = 0 WHERE "sign_in_uid" = NEW."uid" AND "state" = 'LIVE';`,
  },
];

/** Which applications a session has signed its user in to, and whether they know that it has ended. */
export class AddApplicationSessions1798200000000 implements MigrationInterface {
  readonly name = 'AddApplicationSessions1798200000000';

  async up(runner: QueryRunner): Promise<void> {
    const isPostgres = runner.dataSource.options.type === 'postgres';
    for (const statement of [
      `CREATE TABLE "application_sessions" (
        "id" varchar(22) NOT NULL,
        "client_id" varchar(32) NOT NULL,
        "user_id" varchar(22) NOT NULL,
        "session_id" ${isPostgres ? 'uuid' : 'blob'},
        "sign_in_uid" varchar(64),
        "sid" varchar(64) NOT NULL,
        "state" varchar(16) NOT NULL,
        "created_at" bigint NOT NULL,
        "next_at" bigint,
        "attempts" integer NOT NULL DEFAULT 0,
        "last_attempt_at" bigint,
        "ended_at" bigint,
        "last_error" varchar(255),
        CONSTRAINT "application_sessions_pkey" PRIMARY KEY ("id"),
        CONSTRAINT "application_sessions_state_check" CHECK ("state" IN ('LIVE', 'DUE', 'NOTIFIED', 'FAILED', 'ENDED')),
        CONSTRAINT "application_sessions_of_one_check" CHECK (("session_id" IS NULL) <> ("sign_in_uid" IS NULL)),
        CONSTRAINT "application_sessions_client_fkey" FOREIGN KEY ("client_id") REFERENCES "clients" ("id") ON DELETE CASCADE
      )`,
      `CREATE UNIQUE INDEX "application_sessions_session_key" ON "application_sessions" ("session_id", "client_id") WHERE "session_id" IS NOT NULL`,
      `CREATE UNIQUE INDEX "application_sessions_sign_in_key" ON "application_sessions" ("sign_in_uid", "client_id") WHERE "sign_in_uid" IS NOT NULL`,
      `CREATE INDEX "application_sessions_client_idx" ON "application_sessions" ("client_id", "state", "ended_at")`,
      `CREATE INDEX "application_sessions_next_at_idx" ON "application_sessions" ("next_at") WHERE "next_at" IS NOT NULL`,
      `CREATE INDEX "application_sessions_ended_at_idx" ON "application_sessions" ("ended_at") WHERE "ended_at" IS NOT NULL`,
      ...TRIGGERS.flatMap(({ name, table, column, condition, statement }) =>
        isPostgres
          ? [
              `CREATE FUNCTION "${name}"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${statement} RETURN NULL; END $$`,
              `CREATE TRIGGER "${name}" AFTER UPDATE OF "${column}" ON "${table}" FOR EACH ROW WHEN (${condition}) EXECUTE FUNCTION "${name}"()`,
            ]
          : [
              `CREATE TRIGGER "${name}" AFTER UPDATE OF "${column}" ON "${table}" WHEN ${condition} BEGIN ${statement} END`,
            ],
      ),
    ])
      await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    const isPostgres = runner.dataSource.options.type === 'postgres';
    for (const { name, table } of TRIGGERS) {
      await runner.query(`DROP TRIGGER "${name}"${isPostgres ? ` ON "${table}"` : ''}`);
      if (isPostgres) await runner.query(`DROP FUNCTION "${name}"`);
    }
    await runner.query(`DROP TABLE "application_sessions"`);
  }
}
