import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Events keep the ID of the request that caused them. They are found by it, and by the `jti` of their token: by the API in
 * the record of one organization, and by the command line in all of them.
 */
export class FindEventsOfRequests1798300000000 implements MigrationInterface {
  readonly name = 'FindEventsOfRequests1798300000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "audit_events" ADD COLUMN "request_id" varchar(36)`);
    await runner.query(
      `CREATE INDEX "audit_events_request_idx" ON "audit_events" ("request_id", "organization_id", "at", "id") WHERE "request_id" IS NOT NULL`,
    );
    await runner.query(
      `CREATE INDEX "audit_events_token_idx" ON "audit_events" ("token_id", "organization_id", "at", "id") WHERE "token_id" IS NOT NULL`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX "audit_events_token_idx"`);
    await runner.query(`DROP INDEX "audit_events_request_idx"`);
    await runner.query(`ALTER TABLE "audit_events" DROP COLUMN "request_id"`);
  }
}
