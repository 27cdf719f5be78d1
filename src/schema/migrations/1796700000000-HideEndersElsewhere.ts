import type { MigrationInterface, QueryRunner } from 'typeorm';
import { COLUMNS, replaceTriggers } from './frozen/audit-triggers.js';
import type { Trigger } from './frozen/audit-triggers.js';
import { REPLACEMENTS as BEFORE } from './1795760000000-RecordEndsOnBothSides.js';

/** Whose administrators see it: the organization that let the user in, and that of whoever put an end to it. */
function sides(group: string, endedBy: string): string {
  return `(SELECT g."organization_id" FROM "groups" g WHERE g."id" = ${group}
           UNION SELECT u."staff_organization_id" FROM "users" u
                 WHERE u."id" = ${endedBy} AND u."staff_organization_id" IS NOT NULL) side`;
}

/** Whoever put an end to it, or the client, where the record is that of their own organization. */
function ifOwn(value: string, endedBy: string): string {
  return `CASE WHEN side."organization_id" =
            (SELECT e."staff_organization_id" FROM "users" e WHERE e."id" = ${endedBy}) THEN ${value} END`;
}

/** Whoever ends a session that is not theirs is its actor then; otherwise whoever let its user in. */
const ENDED_BY_OTHERS = `NEW."end_reason" IN ('BY_ADMINISTRATOR', 'RIGHT_REVOKED')`;

const REPLACEMENTS: Trigger[] = [
  {
    name: 'audit_access_revoked',
    table: 'login_tokens',
    when: 'AFTER UPDATE OF "revoked_at"',
    condition: 'OLD."revoked_at" IS NULL AND NEW."revoked_at" IS NOT NULL',
    statements: (second) => [
      `INSERT INTO "audit_events" (${COLUMNS})
       SELECT ${second('NEW."revoked_at"')}, 'ACCESS_REVOKED', side."organization_id", NEW."user_id",
         ${ifOwn('NEW."revoked_by"', 'NEW."revoked_by"')}, ${ifOwn('NEW."revoked_by_client_id"', 'NEW."revoked_by"')},
         NEW."group_id", NEW."id", NULL, NULL
       FROM ${sides('NEW."group_id"', 'NEW."revoked_by"')} WHERE NEW."expires_at" > NEW."revoked_at"
         AND NOT EXISTS (SELECT 1 FROM "sessions" s WHERE s."login_token_id" = NEW."id");`,
      `UPDATE "sessions" SET "ended_at" = NEW."revoked_at", "end_reason" = 'RIGHT_REVOKED', "ended_by" = NEW."revoked_by", "ended_by_client_id" = NEW."revoked_by_client_id"
       WHERE "login_token_id" = NEW."id" AND "ended_at" IS NULL AND "expires_at" > NEW."revoked_at";`,
    ],
  },
  {
    name: 'audit_session_ended',
    table: 'sessions',
    when: 'AFTER UPDATE OF "ended_at"',
    // What was over before has no reason.
    condition: 'OLD."ended_at" IS NULL AND NEW."ended_at" IS NOT NULL AND NEW."end_reason" IS NOT NULL',
    statements: (second) => [
      `INSERT INTO "audit_events" (${COLUMNS})
       SELECT ${second('NEW."ended_at"')}, 'SESSION_ENDED', side."organization_id", NEW."user_id",
         CASE WHEN ${ENDED_BY_OTHERS} THEN ${ifOwn('NEW."ended_by"', 'NEW."ended_by"')} ELSE t."caller_id" END,
         CASE WHEN ${ENDED_BY_OTHERS} THEN ${ifOwn('NEW."ended_by_client_id"', 'NEW."ended_by"')} ELSE t."client_id" END,
         t."group_id", t."id", NEW."id", '{"reason":"' || NEW."end_reason" || '"}'
       FROM "login_tokens" t CROSS JOIN ${sides(
         '(SELECT l."group_id" FROM "login_tokens" l WHERE l."id" = NEW."login_token_id")',
         'NEW."ended_by"',
       )} WHERE t."id" = NEW."login_token_id";`,
    ],
  },
];

/** The organization that let a user in is not told which account of another one put an end to it. */
export class HideEndersElsewhere1796700000000 implements MigrationInterface {
  readonly name = 'HideEndersElsewhere1796700000000';

  up(runner: QueryRunner): Promise<void> {
    return replaceTriggers(runner, REPLACEMENTS);
  }

  down(runner: QueryRunner): Promise<void> {
    return replaceTriggers(runner, BEFORE);
  }
}
