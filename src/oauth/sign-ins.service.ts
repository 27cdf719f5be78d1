import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { addSeconds, Clock } from '../common/clock.js';
import { Database } from '../database/database.js';
import type { Statement } from '../database/statement.js';
import { FAMILY_LIFETIME, UNTIL_THE_LATER_END } from './revoked-tokens.service.js';

/**
 * Every family of tokens has a refresh token or a code, also a used one, for longer than its access tokens are good. In
 * the order of their names, so that two of these at once do not wait for each other.
 */
const REVOKE_FAMILIES: Statement = {
  name: 'revoke_families_of_account',
  sql: `INSERT INTO "revoked_tokens" ("id", "expires_at")
        SELECT f."grant_id", $2
        FROM (SELECT DISTINCT r."grant_id" FROM "oauth_records" r WHERE r."account_id" = $1 AND r."grant_id" IS NOT NULL) f
        WHERE TRUE ORDER BY f."grant_id" ${UNTIL_THE_LATER_END}`,
};

const FORGET: Statement = {
  name: 'forget_sign_ins_of_account',
  sql: `DELETE FROM "oauth_records" WHERE "account_id" = $1`,
};

/** What accounts have signed in for at the authorization server. */
@Injectable()
export class SignInsService {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /**
   * Ends what an account has signed in for: sessions, codes, grants, refresh tokens and the access tokens that came from
   * them. For good: an account that is active again signs in again.
   */
  async end(db: EntityManager, account: string): Promise<void> {
    const expired = addSeconds(this.clock.now(), FAMILY_LIFETIME);
    await this.database.within(db, REVOKE_FAMILIES, [account, expired]);
    await this.database.within(db, FORGET, [account]);
  }
}
