import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The columns from which a trigger takes the ID of the request. Only a revocation and an end write them. */
const COLUMNS = { login_tokens: 'revoked_by_request_id', sessions: 'ended_by_request_id' };

const WRITTEN = `"at", "event", "organization_id", "user_id", "actor_id", "client_id", "group_id", "token_id", "session_id", "details"`;
const BY_OTHERS = `NEW."end_reason" IN ('BY_ADMINISTRATOR', 'RIGHT_REVOKED')`;

/** The organization of the login's group and, if it is another, that of whoever ended it. */
function sides(delegation: string, who: string): string {
  return `(SELECT o."organization_id" FROM "delegations" o WHERE o."id" = ${delegation}
           UNION SELECT u."staff_organization_id" FROM "users" u WHERE u."id" = ${who} AND u."staff_organization_id" IS NOT NULL) side`;
}

/** A value that only the organization of `who` learns. */
function ifOwn(who: string, value: string): string {
  return `CASE WHEN side."organization_id" = (SELECT e."staff_organization_id" FROM "users" e WHERE e."id" = ${who}) THEN ${value} END`;
}

/** What the two triggers do, with the ID of the request or without. */
function statements(isPostgres: boolean, hasRequest: boolean): Record<'access_revoked' | 'session_ended', string> {
  const instant = (ms: string): string =>
    isPostgres ? `to_timestamp(${ms} / 1000.0)` : `strftime('%Y-%m-%d %H:%M:%f', ${ms} / 1000.0, 'unixepoch')`;
  const text = (id: string): string => (isPostgres ? `${id}::text` : uuidOf(id));
  const into = `INSERT INTO "audit_events" (${WRITTEN}${hasRequest ? ', "request_id"' : ''})`;
  const request = (column: string): string => (hasRequest ? `, NEW."${column}"` : '');
  return {
    access_revoked: `${into}
      SELECT ${instant('NEW."revoked_at"')}, 'ACCESS_REVOKED', side."organization_id", NEW."user_id",
        ${ifOwn('NEW."revoked_by"', 'NEW."revoked_by"')},
        ${ifOwn('NEW."revoked_by"', 'NEW."revoked_by_client_id"')},
        d."group_id", ${text('NEW."id"')}, NULL, NULL${request('revoked_by_request_id')}
      FROM "delegations" d CROSS JOIN ${sides('NEW."delegation_id"', 'NEW."revoked_by"')}
      WHERE d."id" = NEW."delegation_id" AND NEW."expires_at" > NEW."revoked_at"
        AND NOT EXISTS (SELECT 1 FROM "sessions" s WHERE s."id" = NEW."id");`,
    session_ended: `${into}
      SELECT ${instant('NEW."ends_at"')}, 'SESSION_ENDED', side."organization_id", t."user_id",
        CASE WHEN ${BY_OTHERS} THEN ${ifOwn('NEW."ended_by"', 'NEW."ended_by"')} ELSE d."caller_id" END,
        CASE WHEN ${BY_OTHERS} THEN ${ifOwn('NEW."ended_by"', 'NEW."ended_by_client_id"')} ELSE d."client_id" END,
        d."group_id", ${text('t."id"')}, NULL, '{"reason":"' || NEW."end_reason" || '"}'${request('ended_by_request_id')}
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
function replacing(isPostgres: boolean, hasRequest: boolean): string[] {
  const { access_revoked: revoked, session_ended: ended } = statements(isPostgres, hasRequest);
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

/** What triggers record has the ID of the request that caused it, as other events have. */
export class RecordRequestsOfEnds1798310000000 implements MigrationInterface {
  readonly name = 'RecordRequestsOfEnds1798310000000';

  async up(runner: QueryRunner): Promise<void> {
    const isPostgres = runner.dataSource.options.type === 'postgres';
    for (const [table, column] of Object.entries(COLUMNS))
      await runner.query(`ALTER TABLE "${table}" ADD COLUMN "${column}" varchar(36)`);
    for (const statement of replacing(isPostgres, true)) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    const isPostgres = runner.dataSource.options.type === 'postgres';
    for (const statement of replacing(isPostgres, false)) await runner.query(statement);
    for (const [table, column] of Object.entries(COLUMNS))
      await runner.query(`ALTER TABLE "${table}" DROP COLUMN "${column}"`);
  }
}
