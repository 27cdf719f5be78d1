import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { EndReason } from '../schema/entities/audit-events.js';
import type { Caller } from '../common/caller.js';
import { Clock } from '../common/clock.js';
import { Settings } from '../config/settings.js';
import { Database, toInstant } from '../database/database.js';
import type { Statement } from '../database/statement.js';
import { isAllowed, frameIsOwned } from './grants.js';
import { endSessions, hasNotEnded } from './live-session.js';

const TOKEN = '"login_tokens"';

/**
 * A token is older than its session, so tokens from before the oldest session have no session left. A busy caller has
 * millions of such tokens.
 */
const OLDEST_SESSION: Statement = {
  name: 'find_oldest_session',
  sql: `SELECT MIN("created_at") AS "createdAt" FROM "sessions" WHERE "expires_at" > $1`,
};

/** Selects tokens that can still start a session, or have a session that a longer idle time could revive. */
const CAN_STILL_MATTER = `"revoked_at" IS NULL AND "expires_at" > $3 AND ("expires_at" > $2 OR EXISTS (
  SELECT 1 FROM "sessions" s WHERE s."login_token_id" = ${TOKEN}."id" AND ${hasNotEnded('s', '$2')}))`;

const SET = `UPDATE ${TOKEN} SET "revoked_at" = $2, "revoked_by" = $4, "revoked_by_client_id" = $5`;

/** The column by which login tokens are found. */
type Column = 'user_id' | 'caller_id' | 'group_id' | 'client_id' | 'key_id';

function revokeAll(column: Column): Statement {
  return {
    name: `revoke_every_login_token_by_${column}`,
    sql: `${SET} WHERE "${column}" = $1 AND ${CAN_STILL_MATTER}`,
  };
}

function revokeUngranted(column: Column): Statement {
  return {
    name: `revoke_login_tokens_by_${column}`,
    sql: `${SET} WHERE "${column}" = $1 AND ${CAN_STILL_MATTER} AND NOT ${isAllowed(TOKEN)}`,
  };
}

const REVOKE_OF_REMOVED_FRAMES: Statement = {
  name: 'revoke_login_tokens_of_lost_frames',
  sql: `${SET} WHERE "client_id" = $1 AND ${CAN_STILL_MATTER} AND NOT ${frameIsOwned(TOKEN)}`,
};

const REVOKE_ONE: Statement = {
  name: 'revoke_login_token',
  sql: `UPDATE ${TOKEN} SET "revoked_at" = $2, "revoked_by" = $3, "revoked_by_client_id" = $4
        WHERE "id" = $1 AND "revoked_at" IS NULL RETURNING "id"`,
};

const END_SESSION: Statement = {
  name: 'end_session_of_login_token',
  sql: endSessions('"login_token_id" = $1', {
    now: '$2',
    idleSince: '$3',
    reason: '$4',
    by: { user: '$5', client: '$6' },
  }),
};

/** Ends the sessions of the tokens that were just revoked. */
function endSessionsOf(column: Column): Statement {
  const revoked = `SELECT t."id" FROM "login_tokens" t WHERE t."${column}" = $1 AND t."revoked_at" = $2 AND t."expires_at" > $3`;
  return {
    name: `end_sessions_by_${column}`,
    sql: endSessions(`"login_token_id" IN (${revoked})`, {
      now: '$2',
      idleSince: '$4',
      reason: `'RIGHT_REVOKED'`,
      by: { user: '$5', client: '$6' },
    }),
  };
}

/** What a login token depends on, with the columns that refer to it. */
const ORIGINS = { account: ['user_id', 'caller_id'], group: ['group_id'], client: ['client_id'] } as const;

/** Makes the loss of a right permanent: revokes login tokens and ends the sessions that they started. */
@Injectable()
export class RevocationService {
  constructor(
    private readonly database: Database,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /**
   * Revokes the login tokens that the policy no longer allows and permanently ends their sessions, so that a right that
   * is given back later revives none of them. Runs in the transaction that took the right away. `account` is whoever
   * lost something, as the user who was let in or as the caller who let others in; `by` is whoever took it away.
   */
  async revokeUngrantedTokens(db: EntityManager, account: string, by: Caller | null): Promise<void> {
    await this.revoke(db, ORIGINS.account, revokeUngranted, account, by);
  }

  /**
   * Revokes every login token that came from something that is about to be deleted. The deletion would remove the
   * tokens anyway, but the audit log would not show that their sessions ended, and who ended them.
   */
  async revokeAllOf(db: EntityManager, origin: keyof typeof ORIGINS, id: string, by: Caller | null): Promise<void> {
    await this.revoke(db, ORIGINS[origin], revokeAll, id, by);
  }

  /** Revokes the login tokens that a service account obtained with a key, and ends their sessions. */
  async revokeTokensOfKey(db: EntityManager, keyId: string, by: Caller | null): Promise<void> {
    await this.revoke(db, ['key_id'], revokeAll, keyId, by);
  }

  /** Revokes a client's login tokens for frames on origins that it has lost, and ends the sessions in these frames. */
  async revokeTokensOfRemovedFrames(db: EntityManager, clientId: string, by: Caller | null): Promise<void> {
    await this.revoke(db, ORIGINS.client, () => REVOKE_OF_REMOVED_FRAMES, clientId, by);
  }

  /**
   * Revokes one login token and ends the session that it started, for `reason`.
   *
   * @returns `false` if there is no such login token or it was revoked already
   */
  async revokeToken(db: EntityManager, id: string, by: Caller, reason: EndReason): Promise<boolean> {
    const now = this.clock.now();
    const [revoked] = await this.database.within(db, REVOKE_ONE, [id, now, by.userId, by.clientId]);
    if (!revoked) return false;
    const idleSince = this.settings.idleSince(now);
    await this.database.within(db, END_SESSION, [id, now, idleSince, reason, by.userId, by.clientId]);
    return true;
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
    const idleSince = this.settings.idleSince(now);
    const ender = [by?.userId ?? null, by?.clientId ?? null];
    for (const column of columns) {
      await this.database.within(db, statement(column), [id, now, since, ...ender]);
      await this.database.within(db, endSessionsOf(column), [id, now, since, idleSince, ...ender]);
    }
  }
}
