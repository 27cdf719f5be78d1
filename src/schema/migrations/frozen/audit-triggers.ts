// Frozen: databases were made with it. A later change goes into a new file and a new migration.
import type { QueryRunner } from 'typeorm';

export interface Trigger {
  name: string;
  table: string;
  /** `AFTER INSERT`, or `AFTER UPDATE OF` a column that becomes set. */
  when: string;
  condition?: string;
  statements: (second: (instant: string) => string) => string[];
}

export const COLUMNS = `"at", "event", "organization_id", "user_id", "actor_id", "client_id", "group_id", "token_id", "session_id", "details"`;

/** Whoever ends a session that is not theirs is its actor then; otherwise whoever let its user in. */
const ENDED_BY_OTHERS = `NEW."end_reason" IN ('BY_ADMINISTRATOR', 'RIGHT_REVOKED')`;

/**
 * What the hot path and the revocations record: by triggers, so that the record commits with what it is about, in the same round
 * trip, whoever wrote it. These are the first ones; a migration that replaces some has its own.
 */
export const TRIGGERS: Trigger[] = [
  {
    name: 'audit_access_issued',
    table: 'login_tokens',
    when: 'AFTER INSERT',
    statements: (second) => [
      `INSERT INTO "audit_events" (${COLUMNS})
       SELECT ${second('NEW."issued_at"')}, 'ACCESS_ISSUED', g."organization_id", NEW."user_id", NEW."caller_id", NEW."client_id", NEW."group_id", NEW."id", NULL, NULL
       FROM "groups" g WHERE g."id" = NEW."group_id";`,
    ],
  },
  {
    name: 'audit_access_revoked',
    table: 'login_tokens',
    when: 'AFTER UPDATE OF "revoked_at"',
    condition: 'OLD."revoked_at" IS NULL AND NEW."revoked_at" IS NOT NULL',
    statements: (second) => [
      `INSERT INTO "audit_events" (${COLUMNS})
       SELECT ${second('NEW."revoked_at"')}, 'ACCESS_REVOKED', g."organization_id", NEW."user_id", NEW."revoked_by", NEW."revoked_by_client_id", NEW."group_id", NEW."id", NULL, NULL
       FROM "groups" g WHERE g."id" = NEW."group_id" AND NEW."expires_at" > NEW."revoked_at"
         AND NOT EXISTS (SELECT 1 FROM "sessions" s WHERE s."login_token_id" = NEW."id");`,
      `UPDATE "sessions" SET "ended_at" = NEW."revoked_at", "end_reason" = 'RIGHT_REVOKED', "ended_by" = NEW."revoked_by", "ended_by_client_id" = NEW."revoked_by_client_id"
       WHERE "login_token_id" = NEW."id" AND "ended_at" IS NULL AND "expires_at" > NEW."revoked_at";`,
    ],
  },
  {
    name: 'audit_session_started',
    table: 'sessions',
    when: 'AFTER INSERT',
    statements: (second) => [
      `INSERT INTO "audit_events" (${COLUMNS})
       SELECT ${second('NEW."created_at"')}, 'SESSION_STARTED', g."organization_id", NEW."user_id", t."caller_id", t."client_id", t."group_id", t."id", NEW."id", NULL
       FROM "login_tokens" t JOIN "groups" g ON g."id" = t."group_id" WHERE t."id" = NEW."login_token_id";`,
    ],
  },
  {
    name: 'audit_session_ended',
    table: 'sessions',
    when: 'AFTER UPDATE OF "ended_at"',
    condition: 'OLD."ended_at" IS NULL AND NEW."ended_at" IS NOT NULL',
    statements: (second) => [
      `INSERT INTO "audit_events" (${COLUMNS})
       SELECT ${second('NEW."ended_at"')}, 'SESSION_ENDED',
         CASE WHEN NEW."end_reason" = 'BY_ADMINISTRATOR' THEN NEW."organization_id" ELSE g."organization_id" END, NEW."user_id",
         CASE WHEN ${ENDED_BY_OTHERS} THEN NEW."ended_by" ELSE t."caller_id" END,
         CASE WHEN ${ENDED_BY_OTHERS} THEN NEW."ended_by_client_id" ELSE t."client_id" END,
         t."group_id", t."id", NEW."id", '{"reason":"' || NEW."end_reason" || '"}'
       FROM "login_tokens" t JOIN "groups" g ON g."id" = t."group_id" WHERE t."id" = NEW."login_token_id";`,
    ],
  },
];

/**
 * Walls of the table itself, against a mistake in our own code, not against whoever owns the database: a row is never changed,
 * and a delete leaves those alone that are younger than a day, which is the shortest time for which rows can be kept.
 */
const APPEND_ONLY = 'audit_events is append-only';
const WALLS = ['update', 'delete'];

export async function addAuditTriggers(runner: QueryRunner): Promise<void> {
  await addTriggers(runner, TRIGGERS);
  for (const statement of isPostgres(runner) ? postgresWalls() : sqliteWalls()) await runner.query(statement);
}

export async function dropAuditTriggers(runner: QueryRunner): Promise<void> {
  await dropTriggers(runner, TRIGGERS);
  const walls = isPostgres(runner) ? [...WALLS, 'truncate'] : WALLS;
  for (const wall of walls) await dropTrigger(runner, `audit_events_${wall}`, 'audit_events');
  if (!isPostgres(runner)) return;
  for (const name of ['audit_events_refuse', 'audit_events_keep']) await runner.query(`DROP FUNCTION "${name}"`);
}

/** By the names that they have. */
export async function replaceTriggers(runner: QueryRunner, triggers: Trigger[]): Promise<void> {
  await dropTriggers(runner, triggers);
  await addTriggers(runner, triggers);
}

async function addTriggers(runner: QueryRunner, triggers: Trigger[]): Promise<void> {
  for (const statement of isPostgres(runner) ? postgresTriggers(triggers) : sqliteTriggers(triggers))
    await runner.query(statement);
}

async function dropTriggers(runner: QueryRunner, triggers: Trigger[]): Promise<void> {
  for (const { name, table } of triggers) {
    await dropTrigger(runner, name, table);
    if (isPostgres(runner)) await runner.query(`DROP FUNCTION "${name}"`);
  }
}

async function dropTrigger(runner: QueryRunner, name: string, table: string): Promise<void> {
  await runner.query(`DROP TRIGGER "${name}"${isPostgres(runner) ? ` ON "${table}"` : ''}`);
}

function isPostgres(runner: QueryRunner): boolean {
  return runner.dataSource.options.type === 'postgres';
}

function sqliteTriggers(triggers: Trigger[]): string[] {
  return triggers.map(
    ({ name, table, when, condition, statements }) =>
      `CREATE TRIGGER "${name}" ${when} ON "${table}" ${condition ? `WHEN ${condition} ` : ''}BEGIN
       ${statements((instant) => `substr(${instant}, 1, 19) || '.000'`).join('\n')} END`,
  );
}

function sqliteWalls(): string[] {
  return [
    `CREATE TRIGGER "audit_events_update" BEFORE UPDATE ON "audit_events" BEGIN SELECT RAISE(ABORT, '${APPEND_ONLY}'); END`,
    `CREATE TRIGGER "audit_events_delete" BEFORE DELETE ON "audit_events"
     WHEN OLD."at" > strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 day') BEGIN SELECT RAISE(IGNORE); END`,
  ];
}

function postgresTriggers(triggers: Trigger[]): string[] {
  return triggers.flatMap(({ name, table, when, condition, statements }) => [
    `CREATE FUNCTION "${name}"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
     ${statements((instant) => `date_trunc('second', ${instant})`).join('\n')} RETURN NULL; END $$`,
    `CREATE TRIGGER "${name}" ${when} ON "${table}" FOR EACH ROW ${condition ? `WHEN (${condition}) ` : ''}EXECUTE FUNCTION "${name}"()`,
  ]);
}

function postgresWalls(): string[] {
  return [
    `CREATE FUNCTION "audit_events_refuse"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '${APPEND_ONLY}'; END $$`,
    `CREATE FUNCTION "audit_events_keep"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$`,
    `CREATE TRIGGER "audit_events_update" BEFORE UPDATE ON "audit_events" FOR EACH STATEMENT EXECUTE FUNCTION "audit_events_refuse"()`,
    `CREATE TRIGGER "audit_events_truncate" BEFORE TRUNCATE ON "audit_events" FOR EACH STATEMENT EXECUTE FUNCTION "audit_events_refuse"()`,
    `CREATE TRIGGER "audit_events_delete" BEFORE DELETE ON "audit_events" FOR EACH ROW
     WHEN (OLD."at" > now() - interval '1 day') EXECUTE FUNCTION "audit_events_keep"()`,
  ];
}
