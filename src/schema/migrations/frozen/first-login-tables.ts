// Frozen: a migration makes these tables again when it is undone. A later change goes into a new file.

/** `timestamptz(3)` or `datetime`, and an instant to the second. */
export interface Dialect {
  isPostgres: boolean;
  instant: string;
  second: (instant: string) => string;
}

/** The tables of login tokens and sessions from before one row was both the record and the event. */
export function firstLoginTables({ instant }: Dialect): string[] {
  return [
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
      "key_id" varchar(22),
      "embed_origin" varchar(255),
      "delivery" varchar(16) NOT NULL DEFAULT 'redirect' CONSTRAINT "login_tokens_delivery_check" CHECK ("delivery" IN ('redirect', 'link')),
      "existing_session" varchar(16) NOT NULL DEFAULT 'keep' CONSTRAINT "login_tokens_existing_session_check" CHECK ("existing_session" IN ('keep', 'switch', 'ask')),
      "revoked_by" varchar(22),
      "revoked_by_client_id" varchar(32),
      "organization_id" varchar(22),
      "return_origin" varchar(255),
      CONSTRAINT "login_tokens_pkey" PRIMARY KEY ("id"),
      CONSTRAINT "login_tokens_user_fkey" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE,
      CONSTRAINT "login_tokens_caller_fkey" FOREIGN KEY ("caller_id") REFERENCES "users" ("id") ON DELETE CASCADE,
      CONSTRAINT "login_tokens_client_fkey" FOREIGN KEY ("client_id") REFERENCES "clients" ("id") ON DELETE CASCADE,
      CONSTRAINT "login_tokens_group_fkey" FOREIGN KEY ("group_id") REFERENCES "groups" ("id") ON DELETE CASCADE
    )`,
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
      "end_reason" varchar(16),
      "ended_by" varchar(22),
      "ended_by_client_id" varchar(32),
      "organization_id" varchar(22),
      "device" varchar(64),
      CONSTRAINT "sessions_pkey" PRIMARY KEY ("id"),
      CONSTRAINT "sessions_user_fkey" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE,
      CONSTRAINT "sessions_login_token_fkey" FOREIGN KEY ("login_token_id") REFERENCES "login_tokens" ("id") ON DELETE CASCADE
    )`,
    `CREATE INDEX "login_tokens_user_idx" ON "login_tokens" ("user_id")`,
    `CREATE INDEX "login_tokens_caller_idx" ON "login_tokens" ("caller_id")`,
    `CREATE INDEX "login_tokens_client_idx" ON "login_tokens" ("client_id")`,
    `CREATE INDEX "login_tokens_group_idx" ON "login_tokens" ("group_id")`,
    `CREATE INDEX "login_tokens_expires_at_idx" ON "login_tokens" ("expires_at")`,
    `CREATE INDEX "login_tokens_key_idx" ON "login_tokens" ("key_id") WHERE "key_id" IS NOT NULL`,
    `CREATE INDEX "login_tokens_organization_idx" ON "login_tokens" ("organization_id", "expires_at", "id") WHERE "revoked_at" IS NULL`,
    `CREATE UNIQUE INDEX "sessions_secret_hash_key" ON "sessions" ("secret_hash")`,
    `CREATE UNIQUE INDEX "sessions_login_token_key" ON "sessions" ("login_token_id")`,
    `CREATE INDEX "sessions_expires_at_idx" ON "sessions" ("expires_at")`,
    `CREATE INDEX "sessions_user_idx" ON "sessions" ("user_id", "created_at")`,
    `CREATE INDEX "sessions_organization_idx" ON "sessions" ("organization_id", "expires_at", "id") WHERE "ended_at" IS NULL`,
  ];
}

/** The columns of an audit event of a login. */
export const COLUMNS = `"at", "event", "organization_id", "user_id", "actor_id", "client_id", "group_id", "token_id", "session_id", "details"`;

/** A trigger that runs one statement for each row. */
export interface Trigger {
  name: string;
  table: string;
  when: string;
  condition?: string;
  statement: string;
}

/** The value where the record is that of the own organization of whoever did it. */
export function ifOwn(who: string, value: string): string {
  return `CASE WHEN side."organization_id" = (SELECT e."staff_organization_id" FROM "users" e WHERE e."id" = ${who}) THEN ${value} END`;
}

function firstTriggers(second: Dialect['second']): Trigger[] {
  const byOthers = `NEW."end_reason" IN ('BY_ADMINISTRATOR', 'RIGHT_REVOKED')`;
  return [
    {
      name: 'audit_access_issued',
      table: 'login_tokens',
      when: 'AFTER INSERT',
      statement: `INSERT INTO "audit_events" (${COLUMNS})
       SELECT ${second('NEW."issued_at"')}, 'ACCESS_ISSUED', g."organization_id", NEW."user_id", NEW."caller_id", NEW."client_id", NEW."group_id", NEW."id", NULL, NULL
       FROM "groups" g WHERE g."id" = NEW."group_id";`,
    },
    {
      name: 'audit_session_started',
      table: 'sessions',
      when: 'AFTER INSERT',
      statement: `INSERT INTO "audit_events" (${COLUMNS})
       SELECT ${second('NEW."created_at"')}, 'SESSION_STARTED', g."organization_id", NEW."user_id", t."caller_id", t."client_id", t."group_id", t."id", NEW."id", NULL
       FROM "login_tokens" t JOIN "groups" g ON g."id" = t."group_id" WHERE t."id" = NEW."login_token_id";`,
    },
    {
      name: 'audit_session_ended',
      table: 'sessions',
      when: 'AFTER UPDATE OF "ended_at"',
      condition: 'OLD."ended_at" IS NULL AND NEW."ended_at" IS NOT NULL AND NEW."end_reason" IS NOT NULL',
      statement: `INSERT INTO "audit_events" (${COLUMNS})
       SELECT ${second('NEW."ended_at"')}, 'SESSION_ENDED', side."organization_id", NEW."user_id",
         CASE WHEN ${byOthers} THEN ${ifOwn('NEW."ended_by"', 'NEW."ended_by"')} ELSE t."caller_id" END,
         CASE WHEN ${byOthers} THEN ${ifOwn('NEW."ended_by"', 'NEW."ended_by_client_id"')} ELSE t."client_id" END,
         t."group_id", t."id", NEW."id", '{"reason":"' || NEW."end_reason" || '"}'
       FROM "login_tokens" t CROSS JOIN (SELECT g."organization_id" FROM "groups" g WHERE g."id" = (SELECT l."group_id" FROM "login_tokens" l WHERE l."id" = NEW."login_token_id")
         UNION SELECT u."staff_organization_id" FROM "users" u WHERE u."id" = NEW."ended_by" AND u."staff_organization_id" IS NOT NULL) side
       WHERE t."id" = NEW."login_token_id";`,
    },
    {
      name: 'audit_access_revoked',
      table: 'login_tokens',
      when: 'AFTER UPDATE OF "revoked_at"',
      condition: 'OLD."revoked_at" IS NULL AND NEW."revoked_at" IS NOT NULL',
      statement: `INSERT INTO "audit_events" (${COLUMNS})
       SELECT ${second('NEW."revoked_at"')}, 'ACCESS_REVOKED', side."organization_id", NEW."user_id",
         ${ifOwn('NEW."revoked_by"', 'NEW."revoked_by"')},
         ${ifOwn('NEW."revoked_by"', 'NEW."revoked_by_client_id"')},
         NEW."group_id", NEW."id", NULL, NULL
       FROM (SELECT g."organization_id" FROM "groups" g WHERE g."id" = NEW."group_id"
         UNION SELECT u."staff_organization_id" FROM "users" u WHERE u."id" = NEW."revoked_by" AND u."staff_organization_id" IS NOT NULL) side
       WHERE NEW."expires_at" > NEW."revoked_at"
         AND NOT EXISTS (SELECT 1 FROM "sessions" s WHERE s."login_token_id" = NEW."id");`,
    },
  ];
}

/** The triggers of these tables. */
export function firstLoginTriggers({ isPostgres, second }: Dialect): string[] {
  return firstTriggers(second).flatMap((trigger) => createTrigger(isPostgres, trigger));
}

/** The statements that create a trigger. On PostgreSQL its function has the same name. */
export function createTrigger(isPostgres: boolean, { name, table, when, condition, statement }: Trigger): string[] {
  if (!isPostgres)
    return [
      `CREATE TRIGGER "${name}" ${when} ON "${table}" ${condition ? `WHEN ${condition} ` : ''}BEGIN ${statement} END`,
    ];
  return [
    `CREATE FUNCTION "${name}"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${statement} RETURN NULL; END $$`,
    `CREATE TRIGGER "${name}" ${when} ON "${table}" FOR EACH ROW ${condition ? `WHEN (${condition}) ` : ''}EXECUTE FUNCTION "${name}"()`,
  ];
}
