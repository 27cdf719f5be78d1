import type { MigrationInterface, QueryRunner } from 'typeorm';

/** One of a client's origins may be that for whose frames its tokens are made unless a call says otherwise. */
export class AddDefaultEmbedOrigin1796120000000 implements MigrationInterface {
  readonly name = 'AddDefaultEmbedOrigin1796120000000';

  async up(runner: QueryRunner): Promise<void> {
    const no = runner.dataSource.options.type === 'postgres' ? 'FALSE' : '0';
    await runner.query(`ALTER TABLE "client_origins" ADD COLUMN "is_embed_default" boolean NOT NULL DEFAULT ${no}`);
    await runner.query(
      `CREATE UNIQUE INDEX "client_origins_embed_key" ON "client_origins" ("client_id") WHERE "is_embed_default"`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX "client_origins_embed_key"`);
    await runner.query(`ALTER TABLE "client_origins" DROP COLUMN "is_embed_default"`);
  }
}
