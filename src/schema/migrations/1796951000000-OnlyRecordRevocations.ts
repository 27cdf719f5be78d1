import type { MigrationInterface, QueryRunner } from 'typeorm';
import { COLUMNS, replaceTriggers } from './frozen/audit-triggers.js';
import type { Trigger } from './frozen/audit-triggers.js';

/** Whoever revoked it, or the client, where the record is that of their own organization. */
function ifOwn(value: string): string {
  return `CASE WHEN side."organization_id" =
            (SELECT e."staff_organization_id" FROM "users" e WHERE e."id" = NEW."revoked_by") THEN ${value} END`;
}

/** With the organization that let the user in, and with that of whoever revoked the token. */
function record(second: (instant: string) => string): string {
  return `INSERT INTO "audit_events" (${COLUMNS})
       SELECT ${second('NEW."revoked_at"')}, 'ACCESS_REVOKED', side."organization_id", NEW."user_id",
         ${ifOwn('NEW."revoked_by"')},
         ${ifOwn('NEW."revoked_by_client_id"')},
         NEW."group_id", NEW."id", NULL, NULL
       FROM (SELECT g."organization_id" FROM "groups" g WHERE g."id" = NEW."group_id"
             UNION SELECT u."staff_organization_id" FROM "users" u
                   WHERE u."id" = NEW."revoked_by" AND u."staff_organization_id" IS NOT NULL) side
       WHERE NEW."expires_at" > NEW."revoked_at"
         AND NOT EXISTS (SELECT 1 FROM "sessions" s WHERE s."login_token_id" = NEW."id");`;
}

const END_SESSION = `UPDATE "sessions" SET "ended_at" = NEW."revoked_at", "end_reason" = 'RIGHT_REVOKED', "ended_by" = NEW."revoked_by", "ended_by_client_id" = NEW."revoked_by_client_id"
       WHERE "login_token_id" = NEW."id" AND "ended_at" IS NULL AND "expires_at" > NEW."revoked_at";`;

function onRevocation(statements: Trigger['statements']): Trigger {
  return {
    name: 'audit_access_revoked',
    table: 'login_tokens',
    when: 'AFTER UPDATE OF "revoked_at"',
    condition: 'OLD."revoked_at" IS NULL AND NEW."revoked_at" IS NOT NULL',
    statements,
  };
}

/** Whoever revokes a login token ends its session with a statement of their own: the trigger only records. */
export class OnlyRecordRevocations1796951000000 implements MigrationInterface {
  readonly name = 'OnlyRecordRevocations1796951000000';

  up(runner: QueryRunner): Promise<void> {
    return replaceTriggers(runner, [onRevocation((second) => [record(second)])]);
  }

  down(runner: QueryRunner): Promise<void> {
    return replaceTriggers(runner, [onRevocation((second) => [record(second), END_SESSION])]);
  }
}
