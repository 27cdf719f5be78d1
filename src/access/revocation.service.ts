import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Caller } from '../auth/caller.js';
import { addSeconds, Clock } from '../common/clock.js';
import { Settings } from '../config/settings.js';
import { Database, toInstant } from '../database/database.js';
import type { Statement } from '../database/statement.js';
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

/** By what login tokens are looked for. */
type Column = 'id' | 'user_id' | 'caller_id' | 'group_id' | 'client_id' | 'key_id';
const COLUMNS: Column[] = ['id', 'user_id', 'caller_id', 'group_id', 'client_id', 'key_id'];

function forEachColumn(statement: (column: Column) => Statement): Record<Column, Statement> {
  return Object.fromEntries(COLUMNS.map((column) => [column, statement(column)])) as Record<Column, Statement>;
}

const REVOKE_UNGRANTED = forEachColumn((column) => ({
  name: `revoke_login_tokens_by_${column}`,
  sql: `${SET} WHERE "${column}" = $1 AND ${COUNTS} AND NOT EXISTS (SELECT 1 ${GRANTED})`,
}));

const REVOKE_ALL = forEachColumn((column) => ({
  name: `revoke_every_login_token_by_${column}`,
  sql: `${SET} WHERE "${column}" = $1 AND ${COUNTS}`,
}));

/** A session that nobody used for too long is over. Without a reason, its end is recorded as nobody's doing. */
const CLOSE_IDLE = forEachColumn((column) => ({
  name: `close_idle_sessions_by_${column}`,
  sql: `UPDATE "sessions" SET "ended_at" = $2 WHERE "ended_at" IS NULL AND "expires_at" > $2 AND "last_seen_at" <= $3
          AND "login_token_id" IN (SELECT t."id" FROM "login_tokens" t WHERE t."${column}" = $1)`,
}));

/** What a login token came from, and goes with. */
const ORIGINS = { account: ['user_id', 'caller_id'], group: ['group_id'], client: ['client_id'] } as const;

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
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /**
   * Revokes the login tokens that the policy no longer allows, and so ends the sessions that came from them, for good:
   * a right that is given back later revives none. Runs in the transaction that took the right away; `account` lost
   * something, as the one who was let in or as the one who let others in, and `by` took it away.
   */
  async revokeWhatIsNoLongerGranted(db: EntityManager, account: string, by: Caller | null): Promise<void> {
    for (const column of ORIGINS.account) await this.revoke(db, REVOKE_UNGRANTED, column, account, by);
  }

  /**
   * Revokes every login token that came from what is about to be deleted. Without it they would be gone as well, but nothing
   * would say that their sessions have ended, and by whom.
   */
  async revokeAllOf(db: EntityManager, origin: keyof typeof ORIGINS, id: string, by: Caller | null): Promise<void> {
    for (const column of ORIGINS[origin]) await this.revoke(db, REVOKE_ALL, column, id, by);
  }

  /** Revokes the login tokens that a service account obtained with a key, with the sessions that came from them. */
  async revokeWhatWasObtainedWith(db: EntityManager, keyId: string, by: Caller | null): Promise<void> {
    await this.revoke(db, REVOKE_ALL, 'key_id', keyId, by);
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

  /** Sessions that were over before have nothing to do with what ends the others. */
  async closeIdle(db: EntityManager, column: Column, id: string): Promise<void> {
    const now = this.clock.now();
    const idleSince = addSeconds(now, -this.settings.SESSION_IDLE_TIMEOUT);
    await this.database.within(db, CLOSE_IDLE[column], [id, now, idleSince]);
  }

  private async revoke(
    db: EntityManager,
    statements: Record<Column, Statement>,
    column: Column,
    id: string,
    by: Caller | null,
  ): Promise<void> {
    await this.closeIdle(db, column, id);
    const now = this.clock.now();
    const [oldest] = await this.database.within<{ createdAt: Date | string | null }>(db, OLDEST_SESSION, [now]);
    const since = oldest?.createdAt ? toInstant(oldest.createdAt) : now;
    await this.database.within(db, statements[column], [id, now, since, by?.userId ?? null, by?.clientId ?? null]);
  }
}
