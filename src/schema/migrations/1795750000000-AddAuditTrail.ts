import type { MigrationInterface, QueryRunner } from 'typeorm';
import { addAuditTriggers, dropAuditTriggers } from './frozen/audit-triggers.js';

/** What sessions and login tokens say from now on about their end, and whose lists they are in. */
const NEW_COLUMNS: Record<string, Record<string, string>> = {
  login_tokens: { revoked_by: 'varchar(22)', revoked_by_client_id: 'varchar(32)', organization_id: 'varchar(22)' },
  sessions: {
    end_reason: 'varchar(16)',
    ended_by: 'varchar(22)',
    ended_by_client_id: 'varchar(32)',
    organization_id: 'varchar(22)',
    device: 'varchar(64)',
  },
};

/** What each filter of a search is a range of; the rows of a page come in the order of `at` and `id`. */
const AUDIT_INDEXES: Record<string, string> = {
  audit_events_organization_idx: '"organization_id", "at", "id"',
  audit_events_event_idx: '"organization_id", "event", "at", "id"',
  audit_events_user_idx: '"organization_id", "user_id", "at", "id"',
  audit_events_actor_idx: '"organization_id", "actor_id", "at", "id"',
  audit_events_client_idx: '"organization_id", "client_id", "at", "id"',
};

/** Lists of what has not ended: its rows alone are in the index. */
const LIST_INDEXES: Record<string, [table: string, isLeft: string]> = {
  sessions_organization_idx: ['sessions', '"ended_at" IS NULL'],
  login_tokens_organization_idx: ['login_tokens', '"revoked_at" IS NULL'],
};

/** Who let whom in, and lists of sessions and outstanding login tokens for administrators. */
export class AddAuditTrail1795750000000 implements MigrationInterface {
  readonly name = 'AddAuditTrail1795750000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(auditTable(runner.dataSource.options.type === 'postgres'));
    for (const [name, columns] of Object.entries(AUDIT_INDEXES))
      await runner.query(`CREATE INDEX "${name}" ON "audit_events" (${columns})`);
    for (const [table, columns] of Object.entries(NEW_COLUMNS)) {
      for (const [column, type] of Object.entries(columns))
        await runner.query(`ALTER TABLE "${table}" ADD COLUMN "${column}" ${type}`);
      await runner.query(
        `UPDATE "${table}" SET "organization_id" = (SELECT u."organization_id" FROM "users" u WHERE u."id" = "${table}"."user_id")`,
      );
    }
    for (const [name, [table, isLeft]] of Object.entries(LIST_INDEXES))
      await runner.query(
        `CREATE INDEX "${name}" ON "${table}" ("organization_id", "expires_at", "id") WHERE ${isLeft}`,
      );
    await addAuditTriggers(runner);
  }

  async down(runner: QueryRunner): Promise<void> {
    await dropAuditTriggers(runner);
    for (const name of Object.keys(LIST_INDEXES)) await runner.query(`DROP INDEX "${name}"`);
    for (const [table, columns] of Object.entries(NEW_COLUMNS))
      for (const column of Object.keys(columns)) await runner.query(`ALTER TABLE "${table}" DROP COLUMN "${column}"`);
    await runner.query(`DROP TABLE "audit_events"`);
  }
}

function auditTable(isPostgres: boolean): string {
  const [id, instant] = isPostgres
    ? ['bigserial CONSTRAINT "audit_events_pkey" PRIMARY KEY', 'timestamptz(3)']
    : ['integer PRIMARY KEY AUTOINCREMENT NOT NULL', 'datetime'];
  return `CREATE TABLE "audit_events" (
    "id" ${id},
    "at" ${instant} NOT NULL,
    "event" varchar(32) NOT NULL,
    "organization_id" varchar(22),
    "user_id" varchar(22),
    "actor_id" varchar(22),
    "client_id" varchar(32),
    "group_id" varchar(22),
    "token_id" varchar(64),
    "session_id" varchar(22),
    "rule" integer,
    "details" text
  )`;
}
