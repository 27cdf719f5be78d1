import type { MigrationInterface, QueryRunner } from 'typeorm';
import { COLUMNS, createTrigger, firstLoginTables, firstLoginTriggers, ifOwn } from './frozen/first-login-tables.js';
import type { Dialect, Trigger } from './frozen/first-login-tables.js';

/** What both engines write differently. */
interface Engine extends Dialect {
  serial: string;
  uuid: string;
  bytes: string;
  withoutRowid: string;
  /** Milliseconds since 1970 of a stored instant, and the reverse. */
  toMilliseconds: (instant: string) => string;
  toInstant: (milliseconds: string) => string;
  /** The ID of a login as the text that audit events have, and its time in milliseconds. */
  toText: (id: string) => string;
  timeOf: (id: string) => string;
  /** The ID of a login that began at `milliseconds`, from the hexadecimal digits that follow the time. */
  toId: (milliseconds: string, rest: string) => string;
  toBytes: (text: string) => string;
}

const POSTGRES: Engine = {
  isPostgres: true,
  instant: 'timestamptz(3)',
  second: (instant) => `date_trunc('second', ${instant})`,
  serial: 'serial',
  uuid: 'uuid',
  bytes: 'bytea',
  withoutRowid: '',
  toMilliseconds: (instant) => `(EXTRACT(EPOCH FROM ${instant}) * 1000)::bigint`,
  toInstant: (milliseconds) => `to_timestamp(${milliseconds} / 1000.0)`,
  toText: (id) => `${id}::text`,
  timeOf: (id) => `('x0000' || substr(replace(${id}::text, '-', ''), 1, 12))::bit(64)::bigint`,
  toId: (milliseconds, rest) => `(lpad(to_hex(${milliseconds}), 12, '0') || ${rest})::uuid`,
  toBytes: (text) => `convert_to(${text}, 'UTF8')`,
};

const HEX_OF_ID = (id: string): string => `lower(hex(${id}))`;

const SQLITE: Engine = {
  isPostgres: false,
  instant: 'datetime',
  second: (instant) => `substr(${instant}, 1, 19) || '.000'`,
  serial: 'integer',
  uuid: 'blob',
  bytes: 'blob',
  withoutRowid: ' WITHOUT ROWID',
  toMilliseconds: (instant) =>
    `(CAST(strftime('%s', ${instant}) AS integer) * 1000 + CAST(substr(${instant}, 21, 3) AS integer))`,
  toInstant: (milliseconds) => `strftime('%Y-%m-%d %H:%M:%f', ${milliseconds} / 1000.0, 'unixepoch')`,
  toText: (id) =>
    `(${[
      [1, 8],
      [9, 4],
      [13, 4],
      [17, 4],
      [21, 12],
    ]
      .map(([from, length]) => `substr(${HEX_OF_ID(id)}, ${from}, ${length})`)
      .join(` || '-' || `)})`,
  timeOf: (id) => hexToInteger(`substr(${HEX_OF_ID(id)}, 1, 12)`),
  toId: (milliseconds, rest) => `unhex(printf('%012x', ${milliseconds}) || ${rest})`,
  toBytes: (text) => `CAST(${text} AS blob)`,
};

/** SQLite has no function that reads hexadecimal digits. */
function hexToInteger(digits: string): string {
  const values = Array.from(
    { length: 12 },
    (_, i) => `((instr('0123456789abcdef', substr(${digits}, ${i + 1}, 1)) - 1) << ${(11 - i) * 4})`,
  );
  return `(${values.join(' + ')})`;
}

/** The triggers of the first tables. Their functions stay when PostgreSQL drops the tables. */
const TRIGGERS = ['audit_access_issued', 'audit_access_revoked', 'audit_session_started', 'audit_session_ended'];

function newTables({ serial, uuid, bytes, withoutRowid, isPostgres }: Engine): string[] {
  const number = (name: string): string =>
    isPostgres ? `${serial} CONSTRAINT "${name}" PRIMARY KEY` : `${serial} PRIMARY KEY AUTOINCREMENT NOT NULL`;
  return [
    `CREATE TABLE "organization_numbers" (
      "number" ${number('organization_numbers_pkey')},
      "organization_id" varchar(22) NOT NULL,
      CONSTRAINT "organization_numbers_organization_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations" ("id") ON DELETE CASCADE
    )`,
    `CREATE UNIQUE INDEX "organization_numbers_organization_key" ON "organization_numbers" ("organization_id")`,
    `CREATE TABLE "delegations" (
      "id" ${number('delegations_pkey')},
      "caller_id" varchar(22) NOT NULL,
      "client_id" varchar(32) NOT NULL,
      "group_id" varchar(22) NOT NULL,
      "key_id" varchar(22) NOT NULL DEFAULT '',
      "organization_id" varchar(22) NOT NULL,
      "organization_number" integer NOT NULL,
      "is_imported" boolean NOT NULL DEFAULT ${isPostgres ? 'false' : '0'}
    )`,
    `CREATE UNIQUE INDEX "delegations_key" ON "delegations" ("caller_id", "client_id", "group_id", "key_id", "is_imported")`,
    `CREATE INDEX "delegations_client_idx" ON "delegations" ("client_id")`,
    `CREATE INDEX "delegations_group_idx" ON "delegations" ("group_id")`,
    `CREATE INDEX "delegations_key_id_idx" ON "delegations" ("key_id")`,
    `CREATE INDEX "delegations_organization_idx" ON "delegations" ("organization_id")`,
    `CREATE TABLE "earlier_logins" (
      "user_id" varchar(22) NOT NULL CONSTRAINT "earlier_logins_pkey" PRIMARY KEY,
      "last_login_at" bigint NOT NULL,
      CONSTRAINT "earlier_logins_user_fkey" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE
    )`,
    `CREATE TABLE "login_tokens" (
      "id" ${uuid} NOT NULL CONSTRAINT "login_tokens_pkey" PRIMARY KEY,
      "expires_at" bigint NOT NULL,
      "revoked_at" bigint,
      "delegation_id" integer NOT NULL,
      "organization_number" integer NOT NULL,
      "manager_number" integer,
      "secure" boolean NOT NULL,
      "user_id" varchar(22) NOT NULL,
      "return_to" varchar(2048),
      "return_origin" varchar(255),
      "embed_origin" varchar(255),
      "delivery" varchar(16) CONSTRAINT "login_tokens_delivery_check" CHECK ("delivery" IN ('redirect', 'link')),
      "existing_session" varchar(16) CONSTRAINT "login_tokens_existing_session_check" CHECK ("existing_session" IN ('keep', 'switch', 'ask')),
      "revoked_by" varchar(22),
      "revoked_by_client_id" varchar(32)
    )${withoutRowid}`,
    `CREATE INDEX "login_tokens_user_idx" ON "login_tokens" ("user_id", "id")`,
    `CREATE INDEX "login_tokens_delegation_idx" ON "login_tokens" ("delegation_id", "id")`,
    `CREATE INDEX "login_tokens_organization_idx" ON "login_tokens" ("organization_number", "id")`,
    `CREATE INDEX "login_tokens_manager_idx" ON "login_tokens" ("manager_number", "id") WHERE "manager_number" IS NOT NULL`,
    `CREATE TABLE "sessions" (
      "id" ${uuid} NOT NULL CONSTRAINT "sessions_pkey" PRIMARY KEY,
      "created_at" bigint NOT NULL,
      "last_seen_at" bigint NOT NULL,
      "ends_at" bigint NOT NULL,
      "has_old_cookie" boolean NOT NULL DEFAULT ${isPostgres ? 'false' : '0'},
      "secret_hash" ${bytes} NOT NULL,
      "device" varchar(64),
      "end_reason" varchar(16),
      "ended_by" varchar(22),
      "ended_by_client_id" varchar(32)
    )${withoutRowid}`,
    `CREATE UNIQUE INDEX "sessions_old_cookie_key" ON "sessions" ("secret_hash") WHERE "has_old_cookie" = TRUE`,
  ];
}

/** The organization of the login's group and, if it is another, that of whoever ended it. */
function sides(delegation: string, who: string): string {
  return `(SELECT o."organization_id" FROM "delegations" o WHERE o."id" = ${delegation}
           UNION SELECT u."staff_organization_id" FROM "users" u WHERE u."id" = ${who} AND u."staff_organization_id" IS NOT NULL) side`;
}

function recordingTriggers({ toInstant, toText }: Engine): Trigger[] {
  const byOthers = `NEW."end_reason" IN ('BY_ADMINISTRATOR', 'RIGHT_REVOKED')`;
  return [
    {
      name: 'audit_access_revoked',
      table: 'login_tokens',
      when: 'AFTER UPDATE OF "revoked_at"',
      condition: 'OLD."revoked_at" IS NULL AND NEW."revoked_at" IS NOT NULL',
      statement: `INSERT INTO "audit_events" (${COLUMNS})
       SELECT ${toInstant('NEW."revoked_at"')}, 'ACCESS_REVOKED', side."organization_id", NEW."user_id",
         ${ifOwn('NEW."revoked_by"', 'NEW."revoked_by"')},
         ${ifOwn('NEW."revoked_by"', 'NEW."revoked_by_client_id"')},
         d."group_id", ${toText('NEW."id"')}, NULL, NULL
       FROM "delegations" d CROSS JOIN ${sides('NEW."delegation_id"', 'NEW."revoked_by"')}
       WHERE d."id" = NEW."delegation_id" AND NEW."expires_at" > NEW."revoked_at"
         AND NOT EXISTS (SELECT 1 FROM "sessions" s WHERE s."id" = NEW."id");`,
    },
    {
      name: 'audit_session_ended',
      table: 'sessions',
      when: 'AFTER UPDATE OF "end_reason"',
      condition: 'OLD."end_reason" IS NULL AND NEW."end_reason" IS NOT NULL',
      statement: `INSERT INTO "audit_events" (${COLUMNS})
       SELECT ${toInstant('NEW."ends_at"')}, 'SESSION_ENDED', side."organization_id", t."user_id",
         CASE WHEN ${byOthers} THEN ${ifOwn('NEW."ended_by"', 'NEW."ended_by"')} ELSE d."caller_id" END,
         CASE WHEN ${byOthers} THEN ${ifOwn('NEW."ended_by"', 'NEW."ended_by_client_id"')} ELSE d."client_id" END,
         d."group_id", ${toText('t."id"')}, NULL, '{"reason":"' || NEW."end_reason" || '"}'
       FROM "login_tokens" t JOIN "delegations" d ON d."id" = t."delegation_id"
       CROSS JOIN ${sides('(SELECT l."delegation_id" FROM "login_tokens" l WHERE l."id" = NEW."id")', 'NEW."ended_by"')}
       WHERE t."id" = NEW."id";`,
    },
    {
      name: 'organizations_number',
      table: 'organizations',
      when: 'AFTER INSERT',
      statement: `INSERT INTO "organization_numbers" ("organization_id") VALUES (NEW."id");`,
    },
  ];
}

/** Columns that never change, and those that are written once: from NULL to a value. */
const FIXED = {
  login_tokens: {
    never: [
      'id',
      'expires_at',
      'delegation_id',
      'organization_number',
      'manager_number',
      'secure',
      'user_id',
      'return_to',
      'return_origin',
      'embed_origin',
      'delivery',
      'existing_session',
    ],
    once: 'revoked_at',
    more: '',
  },
  sessions: {
    never: ['id', 'created_at', 'has_old_cookie', 'secret_hash', 'device'],
    once: 'end_reason',
    more: ' OR NEW."ends_at" > OLD."ends_at" OR NEW."last_seen_at" < OLD."last_seen_at"',
  },
};

/** They protect the record from mistakes in our own code, not from the owner of the database. */
function protections({ isPostgres }: Engine): string[] {
  const differ = isPostgres ? 'IS DISTINCT FROM' : 'IS NOT';
  const statements = Object.entries(FIXED).flatMap(([table, { never, once, more }]) => {
    const changed = never.map((column) => `NEW."${column}" ${differ} OLD."${column}"`).join(' OR ');
    const condition = `${changed} OR (OLD."${once}" IS NOT NULL AND NEW."${once}" ${differ} OLD."${once}")${more}`;
    if (!isPostgres)
      return [
        `CREATE TRIGGER "${table}_update" BEFORE UPDATE ON "${table}" WHEN ${condition} BEGIN SELECT RAISE(ABORT, '${table} is append-only'); END`,
        `CREATE TRIGGER "${table}_delete" BEFORE DELETE ON "${table}" WHEN OLD."id" > unhex(printf('%012x', (unixepoch('now') - 86400) * 1000)) BEGIN SELECT RAISE(IGNORE); END`,
      ];
    return [
      `CREATE TRIGGER "${table}_update" BEFORE UPDATE ON "${table}" FOR EACH ROW WHEN (${condition}) EXECUTE FUNCTION "logins_refuse"()`,
      `CREATE TRIGGER "${table}_truncate" BEFORE TRUNCATE ON "${table}" FOR EACH STATEMENT EXECUTE FUNCTION "logins_refuse"()`,
      `CREATE TRIGGER "${table}_delete" BEFORE DELETE ON "${table}" FOR EACH ROW
       WHEN (OLD."id" > (lpad(to_hex(((EXTRACT(EPOCH FROM now()) - 86400) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid) EXECUTE FUNCTION "logins_keep"()`,
    ];
  });
  if (!isPostgres) return statements;
  return [
    `CREATE FUNCTION "logins_refuse"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$`,
    `CREATE FUNCTION "logins_keep"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$`,
    ...statements,
  ];
}

/**
 * What still counts of the first tables: tokens that can start a session, and live sessions with their tokens. What is
 * over has its events in the record already, so that the migration of a large database takes seconds.
 */
function keep({ toMilliseconds, toId, second }: Engine, now: string): string[] {
  const issued = toMilliseconds(second('t."issued_at"'));
  const rest = `'7' || substr(replace(t."id", '-', ''), 14)`;
  const live = `s."ended_at" IS NULL AND s."expires_at" > ${now}`;
  const isKept = `length(t."id") = 36 AND (t."expires_at" > ${now} OR EXISTS (SELECT 1 FROM "sessions" s WHERE s."login_token_id" = t."id" AND ${live}))`;
  return [
    `CREATE TEMPORARY TABLE "kept_tokens" AS
     SELECT ${toId(issued, rest)} AS "new_id", t.*, g."organization_id" AS "group_organization_id"
     FROM "login_tokens" t JOIN "groups" g ON g."id" = t."group_id" WHERE ${isKept}`,
    `CREATE TEMPORARY TABLE "kept_sessions" AS
     SELECT k."new_id", s.* FROM "kept_tokens" k JOIN "sessions" s ON s."login_token_id" = k."id"`,
    `CREATE TEMPORARY TABLE "last_logins" AS
     SELECT s."user_id", MAX(s."created_at") AS "at" FROM "sessions" s GROUP BY s."user_id"`,
  ];
}

function restore({ toMilliseconds, toBytes }: Engine): string[] {
  return [
    `INSERT INTO "organization_numbers" ("organization_id") SELECT "id" FROM "organizations" ORDER BY "created_at", "id"`,
    `INSERT INTO "earlier_logins" ("user_id", "last_login_at") SELECT "user_id", ${toMilliseconds('"at"')} FROM "last_logins"`,
    `INSERT INTO "delegations" ("caller_id", "client_id", "group_id", "key_id", "organization_id", "organization_number", "is_imported")
     SELECT DISTINCT k."caller_id", k."client_id", k."group_id", COALESCE(k."key_id", ''), k."group_organization_id", n."number", TRUE
     FROM "kept_tokens" k JOIN "organization_numbers" n ON n."organization_id" = k."group_organization_id"`,
    `INSERT INTO "login_tokens" ("id", "expires_at", "revoked_at", "delegation_id", "organization_number", "manager_number", "secure", "user_id",
       "return_to", "return_origin", "embed_origin", "delivery", "existing_session", "revoked_by", "revoked_by_client_id")
     SELECT k."new_id", ${toMilliseconds('k."expires_at"')}, CASE WHEN k."revoked_at" IS NOT NULL THEN ${toMilliseconds('k."revoked_at"')} END,
       d."id", d."organization_number",
       CASE WHEN k."organization_id" = d."organization_id" THEN NULL
         ELSE COALESCE((SELECT n."number" FROM "organization_numbers" n WHERE n."organization_id" = k."organization_id"), 0) END,
       k."secure", k."user_id", k."return_to", k."return_origin", k."embed_origin",
       CASE WHEN k."delivery" <> 'redirect' THEN k."delivery" END,
       CASE WHEN k."existing_session" <> 'keep' THEN k."existing_session" END, k."revoked_by", k."revoked_by_client_id"
     FROM "kept_tokens" k JOIN "delegations" d ON d."caller_id" = k."caller_id" AND d."client_id" = k."client_id"
       AND d."group_id" = k."group_id" AND d."key_id" = COALESCE(k."key_id", '')`,
    `INSERT INTO "sessions" ("id", "created_at", "last_seen_at", "ends_at", "has_old_cookie", "secret_hash", "device", "end_reason", "ended_by", "ended_by_client_id")
     SELECT k."new_id", ${toMilliseconds('k."created_at"')}, ${toMilliseconds('k."last_seen_at"')},
       CASE WHEN k."ended_at" IS NULL THEN ${toMilliseconds('k."expires_at"')} ELSE ${toMilliseconds('k."ended_at"')} END,
       TRUE, ${toBytes('k."secret_hash"')}, k."device", k."end_reason", k."ended_by", k."ended_by_client_id" FROM "kept_sessions" k`,
    ...['kept_tokens', 'kept_sessions', 'last_logins'].map((table) => `DROP TABLE "${table}"`),
  ];
}

/** Writes the events that the rows were, before they go. */
function recordEvents({ toInstant, toText, timeOf }: Engine): string[] {
  return [
    `INSERT INTO "audit_events" (${COLUMNS})
     SELECT ${toInstant(timeOf('t."id"'))}, 'ACCESS_ISSUED', d."organization_id", t."user_id", d."caller_id", d."client_id", d."group_id", ${toText('t."id"')}, NULL, NULL
     FROM "login_tokens" t JOIN "delegations" d ON d."id" = t."delegation_id" WHERE d."is_imported" = FALSE ORDER BY t."id"`,
    `INSERT INTO "audit_events" (${COLUMNS})
     SELECT ${toInstant('s."created_at"')}, 'SESSION_STARTED', d."organization_id", t."user_id", d."caller_id", d."client_id", d."group_id", ${toText('t."id"')}, NULL, NULL
     FROM "sessions" s JOIN "login_tokens" t ON t."id" = s."id" JOIN "delegations" d ON d."id" = t."delegation_id"
     WHERE s."has_old_cookie" = FALSE ORDER BY s."created_at"`,
  ];
}

/**
 * A login has one row for its token and one for its session, and both are their events in the audit log. Their keys
 * begin with the time, so that the tables and most of their indexes grow at their end.
 */
export class RecordEachLoginOnce1797000000000 implements MigrationInterface {
  readonly name = 'RecordEachLoginOnce1797000000000';

  async up(runner: QueryRunner): Promise<void> {
    const engine = engineOf(runner);
    const now = engine.isPostgres ? 'now()' : `strftime('%Y-%m-%d %H:%M:%f', 'now')`;
    const steps = [
      ...keep(engine, now),
      ...['sessions', 'login_tokens'].map((table) => `DROP TABLE "${table}"`),
      ...(engine.isPostgres ? TRIGGERS.map((name) => `DROP FUNCTION "${name}"`) : []),
      ...newTables(engine),
      ...restore(engine),
      ...recordingTriggers(engine).flatMap((trigger) => createTrigger(engine.isPostgres, trigger)),
      ...protections(engine),
    ];
    for (const statement of steps) await runner.query(statement);
  }

  /** Ends all sessions: the earlier version can't read their cookies. The record keeps its events. */
  async down(runner: QueryRunner): Promise<void> {
    const engine = engineOf(runner);
    const functions = [
      'audit_access_revoked',
      'audit_session_ended',
      'organizations_number',
      'logins_refuse',
      'logins_keep',
    ];
    const steps = [
      ...recordEvents(engine),
      `DROP TRIGGER "organizations_number"${engine.isPostgres ? ' ON "organizations"' : ''}`,
      ...['sessions', 'login_tokens', 'delegations', 'organization_numbers', 'earlier_logins'].map(
        (table) => `DROP TABLE "${table}"`,
      ),
      ...(engine.isPostgres ? functions.map((name) => `DROP FUNCTION "${name}"`) : []),
      ...firstLoginTables(engine),
      ...firstLoginTriggers(engine),
    ];
    for (const statement of steps) await runner.query(statement);
  }
}

function engineOf(runner: QueryRunner): Engine {
  return runner.dataSource.options.type === 'postgres' ? POSTGRES : SQLITE;
}
