import type { MigrationInterface, QueryRunner } from 'typeorm';

const OLD = { purposes: `'LOGIN', 'ACCESS'`, algorithms: `'HS256', 'ES256'` };
const NEW = {
  purposes: `'LOGIN', 'ACCESS', 'ID_RS256', 'ID_ES256', 'ID_EDDSA'`,
  algorithms: `'HS256', 'ES256', 'RS256', 'EdDSA'`,
};

/** ID tokens have signing keys of their own, one for each algorithm that an application can register. */
export class AddIdTokenKeys1798000000000 implements MigrationInterface {
  readonly name = 'AddIdTokenKeys1798000000000';

  async up(runner: QueryRunner): Promise<void> {
    await allow(runner, NEW);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DELETE FROM "signing_keys" WHERE "purpose" NOT IN (${OLD.purposes})`);
    await allow(runner, OLD);
  }
}

async function allow(runner: QueryRunner, allowed: typeof OLD): Promise<void> {
  const isPostgres = runner.dataSource.options.type === 'postgres';
  for (const statement of isPostgres ? postgres(allowed) : sqlite(allowed)) await runner.query(statement);
}

function postgres({ purposes, algorithms }: typeof OLD): string[] {
  return [
    `ALTER TABLE "signing_keys" DROP CONSTRAINT "signing_keys_purpose_check"`,
    `ALTER TABLE "signing_keys" DROP CONSTRAINT "signing_keys_algorithm_check"`,
    `ALTER TABLE "signing_keys" ADD CONSTRAINT "signing_keys_purpose_check" CHECK ("purpose" IN (${purposes}))`,
    `ALTER TABLE "signing_keys" ADD CONSTRAINT "signing_keys_algorithm_check" CHECK ("algorithm" IN (${algorithms}))`,
  ];
}

/** SQLite changes no constraint of a table, so the table is made anew. */
function sqlite({ purposes, algorithms }: typeof OLD): string[] {
  return [
    `CREATE TABLE "new_signing_keys" (
      "kid" varchar(22) NOT NULL,
      "purpose" varchar(16) NOT NULL,
      "algorithm" varchar(16) NOT NULL,
      "sealed_jwk" text NOT NULL,
      "created_at" datetime NOT NULL,
      "signs_from" datetime NOT NULL,
      "needed_until" datetime,
      "retired_at" datetime,
      CONSTRAINT "signing_keys_purpose_check" CHECK ("purpose" IN (${purposes})),
      CONSTRAINT "signing_keys_algorithm_check" CHECK ("algorithm" IN (${algorithms})),
      CONSTRAINT "signing_keys_pkey" PRIMARY KEY ("kid")
    )`,
    `INSERT INTO "new_signing_keys" SELECT "kid", "purpose", "algorithm", "sealed_jwk", "created_at", "signs_from", "needed_until", "retired_at"
     FROM "signing_keys"`,
    `DROP TABLE "signing_keys"`,
    `ALTER TABLE "new_signing_keys" RENAME TO "signing_keys"`,
  ];
}
