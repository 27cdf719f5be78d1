import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a client needs in order to sign users in by OpenID Connect. */
export class AddApplications1798100000000 implements MigrationInterface {
  readonly name = 'AddApplications1798100000000';

  async up(runner: QueryRunner): Promise<void> {
    const yes = runner.dataSource.options.type === 'postgres' ? 'true' : '1';
    for (const column of [
      `"initiate_login_uri" varchar(2000)`,
      `"start_uri" varchar(2000)`,
      `"host_uri" varchar(2000)`,
      `"post_logout_redirect_uris" text`,
      `"backchannel_logout_uri" varchar(2000)`,
      `"backchannel_logout_session_required" boolean NOT NULL DEFAULT ${yes}`,
      `"token_endpoint_auth_method" varchar(32)
         CONSTRAINT "clients_token_endpoint_auth_method_check" CHECK ("token_endpoint_auth_method" IN ('client_secret_basic', 'client_secret_post'))`,
      `"id_token_signed_response_alg" varchar(8) NOT NULL DEFAULT 'RS256'
         CONSTRAINT "clients_id_token_signed_response_alg_check" CHECK ("id_token_signed_response_alg" IN ('RS256', 'ES256', 'EdDSA'))`,
    ])
      await runner.query(`ALTER TABLE "clients" ADD COLUMN ${column}`);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const column of [
      'id_token_signed_response_alg',
      'token_endpoint_auth_method',
      'backchannel_logout_session_required',
      'backchannel_logout_uri',
      'post_logout_redirect_uris',
      'host_uri',
      'start_uri',
      'initiate_login_uri',
    ])
      await runner.query(`ALTER TABLE "clients" DROP COLUMN "${column}"`);
  }
}
