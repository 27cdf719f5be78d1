import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { EndReason } from '../schema/entities/audit-events.js';
import type { Caller } from '../common/caller.js';
import { Clock } from '../common/clock.js';
import { Settings } from '../config/settings.js';
import { afterCommit } from '../database/after-commit.js';
import { Database } from '../database/database.js';
import type { Statement } from '../database/statement.js';
import { readLoginId, toBytes } from '../common/login-id.js';
import { currentRequestId } from '../common/request-id.js';
import { sessionsEnded } from '../telemetry/metrics.js';
import { countWhenCommitted } from './ended-sessions.js';
import type { EndedRow } from './ended-sessions.js';
import { FRAME_IS_OWNED, isAllowed, LOGINS } from './grants.js';
import { endSessions, momentAt } from './live-session.js';

/** Tokens that can still start a session, or have a session that a longer idle time could revive. */
function counts(now: string, oldest: string): string {
  return `t."revoked_at" IS NULL AND t."id" > ${oldest} AND (t."expires_at" > ${now}
  OR EXISTS (SELECT 1 FROM "sessions" s WHERE s."id" = t."id" AND s."ends_at" > ${now}))`;
}

/** What a login token depends on, as the column that names it. */
const ORIGINS = {
  user: 't."user_id"',
  caller: 'd."caller_id"',
  group: 'd."group_id"',
  client: 'd."client_id"',
  key: 'd."key_id"',
} as const;

type Origin = keyof typeof ORIGINS;

/** A statement for each origin that revokes the tokens for which the condition holds. */
function revoking(name: string, condition: string): Record<Origin, Statement> {
  const statement = (origin: Origin): Statement => ({
    name: `${name}_by_${origin}`,
    sql: `UPDATE "login_tokens" SET "revoked_at" = $2, "revoked_by" = $4, "revoked_by_client_id" = $5, "revoked_by_request_id" = $6
          WHERE "revoked_at" IS NULL AND "id" IN (
            SELECT t."id" FROM ${LOGINS} WHERE ${ORIGINS[origin]} = $1 AND ${counts('$2', '$3')} ${condition})
          RETURNING ("expires_at" > $2 AND NOT EXISTS (
            SELECT 1 FROM "sessions" s WHERE s."id" = "login_tokens"."id")) AS "counts"`,
  });
  return forEachOrigin(statement);
}

/** A statement for each origin that ends the sessions of the tokens that were just revoked. */
const END_SESSIONS = forEachOrigin((origin) => ({
  name: `end_sessions_by_${origin}`,
  sql: `${endSessions(
    `"id" IN (SELECT t."id" FROM ${LOGINS} WHERE ${ORIGINS[origin]} = $1 AND t."revoked_at" = $2 AND t."id" > $3)`,
    {
      now: '$2',
      oldest: '$3',
      idleSince: '$4',
      reason: `'RIGHT_REVOKED'`,
      by: { user: '$5', client: '$6' },
      request: '$7',
    },
  )} RETURNING "end_reason" AS "reason"`,
}));

function forEachOrigin<T>(make: (origin: Origin) => T): Record<Origin, T> {
  return Object.fromEntries(Object.keys(ORIGINS).map((origin) => [origin, make(origin as Origin)])) as Record<
    Origin,
    T
  >;
}

const REVOKE_ALL = revoking('revoke_every_login_token', '');
const REVOKE_UNGRANTED = revoking('revoke_login_tokens', `AND NOT ${isAllowed('$2')}`);
const REVOKE_OF_REMOVED_FRAMES = revoking('revoke_login_tokens_of_removed_frames', `AND NOT ${FRAME_IS_OWNED}`);

/**
 * Makes the worker look at the applications of the sessions that go on: they may now end at another time. What has ended
 * is due already.
 */
const LOOK_AGAIN = forEachOrigin((origin) => ({
  name: `look_at_applications_by_${origin}`,
  sql: `UPDATE "application_sessions" SET "next_at" = 0
        WHERE "state" = 'LIVE' AND "session_id" IN (SELECT t."id" FROM ${LOGINS} WHERE ${ORIGINS[origin]} = $1 AND t."id" > $2)`,
}));

const REVOKE_ONE: Statement = {
  name: 'revoke_login_token',
  sql: `UPDATE "login_tokens" SET "revoked_at" = $2, "revoked_by" = $3, "revoked_by_client_id" = $4, "revoked_by_request_id" = $5
        WHERE "id" = $1 AND "revoked_at" IS NULL RETURNING "id"`,
};

const END_ONE: Statement = {
  name: 'end_session_of_login_token',
  sql: `${endSessions('"id" = $1', {
    now: '$2',
    idleSince: '$3',
    oldest: '$4',
    reason: '$5',
    by: { user: '$6', client: '$7' },
    request: '$8',
  })} RETURNING "end_reason" AS "reason"`,
};

/** How many logins one statement ends, so that each takes far less than the 5 s that it may. */
const STEP = 10_000;
/** No login has a later ID. */
const LAST_LOGIN = Buffer.alloc(16, 0xff);

/** Finds the last login of the next step. */
const FIND_STEP: Statement = {
  name: 'find_step_of_logins',
  sql: `SELECT t."id" FROM "login_tokens" t WHERE t."id" > $1 ORDER BY t."id" LIMIT 1 OFFSET ${STEP - 1}`,
};

const REVOKE_STEP: Statement = {
  name: 'revoke_step_of_login_tokens',
  sql: `UPDATE "login_tokens" SET "revoked_at" = $1
        WHERE "revoked_at" IS NULL AND "id" IN (SELECT t."id" FROM "login_tokens" t WHERE t."id" <= $3 AND ${counts('$1', '$2')})
        RETURNING ("expires_at" > $1 AND NOT EXISTS (
          SELECT 1 FROM "sessions" s WHERE s."id" = "login_tokens"."id")) AS "counts"`,
};

const END_STEP: Statement = {
  name: 'end_step_of_sessions',
  sql: `${endSessions('"id" > $2 AND "id" <= $4', {
    now: '$1',
    oldest: '$2',
    idleSince: '$3',
    reason: `'ALL_REVOKED'`,
    request: 'NULL',
  })} RETURNING ("end_reason" IS NOT NULL) AS "counts"`,
};

/** What a change ends: sessions that were open, and login tokens that could have started one. */
export interface Effects {
  sessions: number;
  tokens: number;
}

interface Counted {
  counts: unknown;
}

/** Ends a transaction that was only tried. */
class Tried extends Error {
  constructor(readonly effects: Effects) {
    super('The change was only tried.');
  }
}

/** Makes the loss of a right permanent: revokes login tokens and ends the sessions that they started. */
@Injectable()
export class RevocationService {
  /** What the transactions that are only tried have ended so far. */
  private readonly tried = new WeakMap<EntityManager, Effects>();

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
    await this.revoke(db, ['user', 'caller'], REVOKE_UNGRANTED, account, by);
    const { oldest } = momentAt(this.clock.now(), this.settings);
    for (const origin of ['user', 'caller'] as const)
      await this.database.within(db, LOOK_AGAIN[origin], [account, oldest]);
  }

  /**
   * What a change would end. The change is made in a transaction that is rolled back, so the answer is what the change
   * itself does, and it fails as the change does.
   */
  async preview(change: (db: EntityManager) => Promise<unknown>): Promise<Effects> {
    try {
      return await this.database.transaction(async (db) => {
        const effects = { sessions: 0, tokens: 0 };
        this.tried.set(db, effects);
        await change(db);
        throw new Tried(effects);
      });
    } catch (error) {
      if (error instanceof Tried) return error.effects;
      throw error;
    }
  }

  /**
   * Revokes every login token that came from something that is about to be deleted. Without it, nothing would allow the
   * tokens anyway, but the audit log would not show that their sessions ended, and who ended them.
   */
  async revokeAllOf(
    db: EntityManager,
    origin: 'account' | 'group' | 'client',
    id: string,
    by: Caller | null,
  ): Promise<void> {
    await this.revoke(db, origin === 'account' ? ['user', 'caller'] : [origin], REVOKE_ALL, id, by);
  }

  /** Revokes the login tokens that a service account obtained with a key, and ends their sessions. */
  async revokeTokensOfKey(db: EntityManager, keyId: string, by: Caller | null): Promise<void> {
    await this.revoke(db, ['key'], REVOKE_ALL, keyId, by);
  }

  /** Revokes a client's login tokens for frames on origins that it has lost, and ends the sessions in these frames. */
  async revokeTokensOfRemovedFrames(db: EntityManager, clientId: string, by: Caller | null): Promise<void> {
    await this.revoke(db, ['client'], REVOKE_OF_REMOVED_FRAMES, clientId, by);
  }

  /** Revokes every login token at `now`, and ends every session. */
  async revokeEverything(db: EntityManager, now: Date): Promise<Effects> {
    const { oldest, idleSince } = momentAt(now, this.settings);
    const effects = { sessions: 0, tokens: 0 };
    for (let after = oldest, last = after; last !== LAST_LOGIN; after = last) {
      const [step] = await this.database.within<{ id: Buffer | string }>(db, FIND_STEP, [after]);
      last = step ? toBytes(readLoginId(step.id)) : LAST_LOGIN;
      const tokens = await this.database.within<Counted>(db, REVOKE_STEP, [now.getTime(), after, last]);
      const sessions = await this.database.within<Counted>(db, END_STEP, [now.getTime(), after, idleSince, last]);
      effects.tokens += tokens.filter((row) => row.counts).length;
      effects.sessions += sessions.filter((row) => row.counts).length;
    }
    afterCommit(db, () => sessionsEnded.ALL_REVOKED.inc(effects.sessions));
    return effects;
  }

  /**
   * Revokes one login token and ends the session that it started, for `reason`.
   *
   * @returns `false` if there is no such login token or it was revoked already
   */
  async revokeToken(db: EntityManager, id: string, by: Caller, reason: EndReason): Promise<boolean> {
    const { now, idleSince, oldest } = momentAt(this.clock.now(), this.settings);
    const login = toBytes(id);
    const ender = [by.userId, by.clientId, currentRequestId()];
    const [revoked] = await this.database.within(db, REVOKE_ONE, [login, now, ...ender]);
    if (!revoked) return false;
    const parameters = [login, now, idleSince, oldest, reason, ...ender];
    countWhenCommitted(db, await this.database.within<EndedRow>(db, END_ONE, parameters));
    return true;
  }

  private async revoke(
    db: EntityManager,
    origins: Origin[],
    statements: Record<Origin, Statement>,
    id: string,
    by: Caller | null,
  ): Promise<void> {
    const { now, idleSince, oldest } = momentAt(this.clock.now(), this.settings);
    const ender = [by?.userId ?? null, by?.clientId ?? null, currentRequestId()];
    for (const origin of origins) {
      const tokens = await this.database.within<Counted>(db, statements[origin], [id, now, oldest, ...ender]);
      const sessions = await this.database.within<EndedRow>(db, END_SESSIONS[origin], [
        id,
        now,
        oldest,
        idleSince,
        ...ender,
      ]);
      countWhenCommitted(db, sessions);
      const effects = this.tried.get(db);
      if (!effects) continue;
      effects.tokens += tokens.filter(({ counts }) => counts).length;
      effects.sessions += sessions.filter(({ reason }) => reason).length;
    }
  }
}
