import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Caller } from '../auth/caller.js';
import { addSeconds, Clock } from '../common/clock.js';
import { Database, toInstant } from '../database/database.js';
import type { Parameter, Statement } from '../database/statement.js';
import { FAMILY_LIFETIME } from '../oauth/revoked-tokens.service.js';
import { grants } from './access.policy.js';

const TOKEN = '"login_tokens"';
const GRANTED = grants({
  caller: `${TOKEN}."caller_id"`,
  client: `${TOKEN}."client_id"`,
  user: `${TOKEN}."user_id"`,
});

/** A token is older than its session: of those that had ended before this, none is left. A busy caller has millions of them. */
const OLDEST_SESSION: Statement = {
  name: 'find_oldest_session',
  sql: `SELECT MIN("created_at") AS "createdAt" FROM "sessions" WHERE "expires_at" > $1`,
};

/** What can still start a session, or has one that lives. */
const COUNTS = `"revoked_at" IS NULL AND "expires_at" > $3 AND ("expires_at" > $2 OR EXISTS (
  SELECT 1 FROM "sessions" s WHERE s."login_token_id" = ${TOKEN}."id" AND s."ended_at" IS NULL AND s."expires_at" > $2))`;

const SET = `UPDATE ${TOKEN} SET "revoked_at" = $2, "revoked_by" = $4, "revoked_by_client_id" = $5`;

const REVOKE: Statement[] = ['user_id', 'caller_id'].map((column) => ({
  name: `revoke_login_tokens_by_${column}`,
  sql: `${SET} WHERE "${column}" = $1 AND ${COUNTS} AND NOT EXISTS (SELECT 1 ${GRANTED})`,
}));

const REVOKE_OF_KEY: Statement = {
  name: 'revoke_login_tokens_of_key',
  sql: `${SET} WHERE "key_id" = $1 AND ${COUNTS}`,
};

/** What a login token came from, and goes with. */
const ORIGINS = { account: ['user_id', 'caller_id'], group: ['group_id'], client: ['client_id'] } as const;

const REVOKE_ALL = Object.fromEntries(
  Object.values(ORIGINS)
    .flat()
    .map((column) => [
      column,
      {
        name: `revoke_every_login_token_by_${column}`,
        sql: `${SET} WHERE "${column}" = $1 AND ${COUNTS}`,
      },
    ]),
) as Record<(typeof ORIGINS)[keyof typeof ORIGINS][number], Statement>;

/**
 * Every family of tokens has a refresh token or a code, also a used one, for longer than its access tokens are good. In
 * the order of their names, so that two of these at once do not wait for each other.
 */
const REVOKE_FAMILIES: Statement = {
  name: 'revoke_families_of_account',
  sql: `INSERT INTO "revoked_tokens" ("id", "expires_at")
        SELECT f."grant_id", $2
        FROM (SELECT DISTINCT r."grant_id" FROM "oauth_records" r WHERE r."account_id" = $1 AND r."grant_id" IS NOT NULL) f
        WHERE TRUE ORDER BY f."grant_id"
        ON CONFLICT ("id") DO UPDATE SET "expires_at" = excluded."expires_at" WHERE "revoked_tokens"."expires_at" < excluded."expires_at"`,
};

const FORGET_SIGN_INS: Statement = {
  name: 'forget_sign_ins_of_account',
  sql: `DELETE FROM "oauth_records" WHERE "account_id" = $1`,
};

/** Makes it final that a right is gone. */
@Injectable()
export class RevocationService {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /**
   * Revokes the login tokens that the policy no longer allows, and so ends the sessions that came from them, for good:
   * a right that is given back later revives none. Runs in the transaction that took the right away; `account` lost
   * something, as the one who was let in or as the one who let others in, and `by` took it away.
   */
  async revokeWhatIsNoLongerGranted(db: EntityManager, account: string, by: Caller | null): Promise<void> {
    const parameters = await this.parametersOf(db, account, by);
    for (const statement of REVOKE) await this.database.within(db, statement, parameters);
  }

  /**
   * Revokes every login token that came from what is about to be deleted. Without it they would be gone as well, but nothing
   * would say that their sessions have ended, and by whom.
   */
  async revokeAllOf(db: EntityManager, origin: keyof typeof ORIGINS, id: string, by: Caller | null): Promise<void> {
    const parameters = await this.parametersOf(db, id, by);
    for (const column of ORIGINS[origin]) await this.database.within(db, REVOKE_ALL[column], parameters);
  }

  /** Revokes the login tokens that a service account obtained with a key, with the sessions that came from them. */
  async revokeWhatWasObtainedWith(db: EntityManager, keyId: string, by: Caller | null): Promise<void> {
    await this.database.within(db, REVOKE_OF_KEY, await this.parametersOf(db, keyId, by));
  }

  /**
   * Ends what an account has signed in for at the authorization server: sessions, codes, grants, refresh tokens and the
   * access tokens that came from them. For good: an account that is active again signs in again.
   */
  async endSignIns(db: EntityManager, account: string): Promise<void> {
    const expired = addSeconds(this.clock.now(), FAMILY_LIFETIME);
    await this.database.within(db, REVOKE_FAMILIES, [account, expired]);
    await this.database.within(db, FORGET_SIGN_INS, [account]);
  }

  private async parametersOf(db: EntityManager, id: string, by: Caller | null): Promise<Parameter[]> {
    const now = this.clock.now();
    const [oldest] = await this.database.within<{ createdAt: Date | string | null }>(db, OLDEST_SESSION, [now]);
    const since = oldest?.createdAt ? toInstant(oldest.createdAt) : now;
    return [id, now, since, by?.userId ?? null, by?.clientId ?? null];
  }
}
