import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Caller } from '../auth/caller.js';
import { Clock } from '../common/clock.js';
import { Settings } from '../config/settings.js';
import { Database, toInstant } from '../database/database.js';
import type { Statement } from '../database/statement.js';
import { grants, keepsFrame } from './access.policy.js';

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
type Column = 'user_id' | 'caller_id' | 'group_id' | 'client_id' | 'key_id';

function revokeAll(column: Column): Statement {
  return {
    name: `revoke_every_login_token_by_${column}`,
    sql: `${SET} WHERE "${column}" = $1 AND ${COUNTS}`,
  };
}

function revokeUngranted(column: Column): Statement {
  return {
    name: `revoke_login_tokens_by_${column}`,
    sql: `${SET} WHERE "${column}" = $1 AND ${COUNTS} AND NOT EXISTS (SELECT 1 ${GRANTED})`,
  };
}

const REVOKE_LOST_FRAMES: Statement = {
  name: 'revoke_login_tokens_of_lost_frames',
  sql: `${SET} WHERE "client_id" = $1 AND ${COUNTS} AND NOT ${keepsFrame(TOKEN)}`,
};

/** A session that nobody used for too long is over. Without a reason, its end is recorded as nobody's doing. */
function closeIdle(column: Column): Statement {
  return {
    name: `close_idle_sessions_by_${column}`,
    sql: `UPDATE "sessions" SET "ended_at" = $2 WHERE "ended_at" IS NULL AND "expires_at" > $2 AND "last_seen_at" <= $4
            AND "login_token_id" IN (SELECT t."id" FROM "login_tokens" t WHERE t."${column}" = $1 AND t."expires_at" > $3)`,
  };
}

/** What a login token came from, and goes with. */
const ORIGINS = { account: ['user_id', 'caller_id'], group: ['group_id'], client: ['client_id'] } as const;

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
    await this.revoke(db, ORIGINS.account, revokeUngranted, account, by);
  }

  /**
   * Revokes every login token that came from what is about to be deleted. Without it they would be gone as well, but nothing
   * would say that their sessions have ended, and by whom.
   */
  async revokeAllOf(db: EntityManager, origin: keyof typeof ORIGINS, id: string, by: Caller | null): Promise<void> {
    await this.revoke(db, ORIGINS[origin], revokeAll, id, by);
  }

  /** Revokes the login tokens that a service account obtained with a key, with the sessions that came from them. */
  async revokeWhatWasObtainedWith(db: EntityManager, keyId: string, by: Caller | null): Promise<void> {
    await this.revoke(db, ['key_id'], revokeAll, keyId, by);
  }

  /** Revokes the login tokens of a client for frames on origins that it has lost, with the sessions in these frames. */
  async revokeInLostFrames(db: EntityManager, clientId: string, by: Caller | null): Promise<void> {
    await this.revoke(db, ORIGINS.client, () => REVOKE_LOST_FRAMES, clientId, by);
  }

  private async revoke(
    db: EntityManager,
    columns: readonly Column[],
    statement: (column: Column) => Statement,
    id: string,
    by: Caller | null,
  ): Promise<void> {
    const now = this.clock.now();
    const [oldest] = await this.database.within<{ createdAt: Date | string | null }>(db, OLDEST_SESSION, [now]);
    const since = oldest?.createdAt ? toInstant(oldest.createdAt) : now;
    for (const column of columns) {
      // What was over before has nothing to do with what ends the others.
      await this.database.within(db, closeIdle(column), [id, now, since, this.settings.idleSince(now)]);
      await this.database.within(db, statement(column), [id, now, since, by?.userId ?? null, by?.clientId ?? null]);
    }
  }
}
