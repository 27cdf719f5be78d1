import type { MigrationInterface, QueryRunner } from 'typeorm';

const WRITTEN = `"at", "event", "organization_id", "user_id", "actor_id", "client_id", "group_id", "token_id", "session_id", "details", "request_id"`;

/** The organization of the login's group and, if it is another, that of whoever ended it. */
function sides(delegation: string, who: string): string {
  return `(SELECT o."organization_id" FROM "delegations" o WHERE o."id" = ${delegation}
           UNION SELECT u."staff_organization_id" FROM "users" u WHERE u."id" = ${who} AND u."staff_organization_id" IS NOT NULL) side`;
}

/** A value that only the organization of `who` learns. */
function ifOwn(who: string, value: string): string {
  return `CASE WHEN side."organization_id" = (SELECT e."staff_organization_id" FROM "users" e WHERE e."id" = ${who}) THEN ${value} END`;
}

/** What the two triggers do, with the reason of a general revocation or without. */
function statements(isPostgres: boolean, isGeneral: boolean): Record<'access_revoked' | 'session_ended', string> {
  const instant = (ms: string): string =>
    isPostgres ? `to_timestamp(${ms} / 1000.0)` : `strftime('%Y-%m-%d %H:%M:%f', ${ms} / 1000.0, 'unixepoch')`;
  const text = (id: string): string => (isPostgres ? `${id}::text` : uuidOf(id));
  const into = `INSERT INTO "audit_events" (${WRITTEN})`;
  const byOthers = `NEW."end_reason" IN ('BY_ADMINISTRATOR', 'RIGHT_REVOKED'${isGeneral ? `, 'ALL_REVOKED'` : ''})`;
  const reason = isGeneral
    ? `CASE WHEN NEW."revoked_by" IS NULL AND EXISTS (SELECT 1 FROM "general_revocations" g WHERE g."at" = NEW."revoked_at")
        THEN '{"reason":"ALL_REVOKED"}' END`
    : 'NULL';
  return {
    access_revoked: `${into}
      SELECT ${instant('NEW."revoked_at"')}, 'ACCESS_REVOKED', side."organization_id", NEW."user_id",
        ${ifOwn('NEW."revoked_by"', 'NEW."revoked_by"')},
        ${ifOwn('NEW."revoked_by"', 'NEW."revoked_by_client_id"')},
        d."group_id", ${text('NEW."id"')}, NULL, ${reason}, NEW."revoked_by_request_id"
      FROM "delegations" d CROSS JOIN ${sides('NEW."delegation_id"', 'NEW."revoked_by"')}
      WHERE d."id" = NEW."delegation_id" AND NEW."expires_at" > NEW."revoked_at"
        AND NOT EXISTS (SELECT 1 FROM "sessions" s WHERE s."id" = NEW."id");`,
    session_ended: `${into}
      SELECT ${instant('NEW."ends_at"')}, 'SESSION_ENDED', side."organization_id", t."user_id",
        CASE WHEN ${byOthers} THEN ${ifOwn('NEW."ended_by"', 'NEW."ended_by"')} ELSE d."caller_id" END,
        CASE WHEN ${byOthers} THEN ${ifOwn('NEW."ended_by"', 'NEW."ended_by_client_id"')} ELSE d."client_id" END,
        d."group_id", ${text('t."id"')}, NULL, '{"reason":"' || NEW."end_reason" || '"}', NEW."ended_by_request_id"
      FROM "login_tokens" t JOIN "delegations" d ON d."id" = t."delegation_id"
      CROSS JOIN ${sides('(SELECT l."delegation_id" FROM "login_tokens" l WHERE l."id" = NEW."id")', 'NEW."ended_by"')}
      WHERE t."id" = NEW."id";`,
  };
}

/** The text of a UUID that is stored as bytes. */
function uuidOf(id: string): string {
  const digits = [
    [1, 8],
    [9, 4],
    [13, 4],
    [17, 4],
    [21, 12],
  ].map(([from, length]) => `substr(lower(hex(${id})), ${from}, ${length})`);
  return `(${digits.join(` || '-' || `)})`;
}

/** Gives the triggers another body. On PostgreSQL that is their function's. */
function replacing(isPostgres: boolean, isGeneral: boolean): string[] {
  const { access_revoked: revoked, session_ended: ended } = statements(isPostgres, isGeneral);
  if (isPostgres)
    return Object.entries({ audit_access_revoked: revoked, audit_session_ended: ended }).map(
      ([name, statement]) =>
        `CREATE OR REPLACE FUNCTION "${name}"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${statement} RETURN NULL; END $$`,
    );
  return [
    `DROP TRIGGER "audit_access_revoked"`,
    `CREATE TRIGGER "audit_access_revoked" AFTER UPDATE OF "revoked_at" ON "login_tokens"
     WHEN OLD."revoked_at" IS NULL AND NEW."revoked_at" IS NOT NULL BEGIN ${revoked} END`,
    `DROP TRIGGER "audit_session_ended"`,
    `CREATE TRIGGER "audit_session_ended" AFTER UPDATE OF "end_reason" ON "sessions"
     WHEN OLD."end_reason" IS NULL AND NEW."end_reason" IS NOT NULL BEGIN ${ended} END`,
  ];
}

/** The instants at which everything was revoked, which the record gives as a reason. */
export class AddGeneralRevocations1798400000000 implements MigrationInterface {
  readonly name = 'AddGeneralRevocations1798400000000';

  async up(runner: QueryRunner): Promise<void> {
    const isPostgres = runner.dataSource.options.type === 'postgres';
    await runner.query(
      `CREATE TABLE "general_revocations" ("at" bigint NOT NULL, CONSTRAINT "general_revocations_pkey" PRIMARY KEY ("at"))`,
    );
    for (const statement of replacing(isPostgres, true)) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    const isPostgres = runner.dataSource.options.type === 'postgres';
    for (const statement of replacing(isPostgres, false)) await runner.query(statement);
    await runner.query(`DROP TABLE "general_revocations"`);
  }
}
