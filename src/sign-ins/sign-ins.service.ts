import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { addSeconds, Clock, toNumericDate } from '../common/clock.js';
import { hashSecret } from '../common/id.js';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import type { Statement } from '../database/statement.js';
import { recordIdOf } from './record-id.js';
import { endsSession, hasEnded } from './session-records.js';
import type { ShownSignIn } from './sign-in-cookies.js';
import { FAMILY_LIFETIME, KEEP_LATER_EXPIRY } from '../tokens/revoked-tokens.service.js';

/**
 * Revokes an account's families of tokens. Every family has a refresh token or a code, if only a used one, for longer
 * than its access tokens are valid. They are sorted, so that two of these statements do not deadlock.
 */
const REVOKE_FAMILIES: Statement = {
  name: 'revoke_families_of_account',
  sql: `INSERT INTO "revoked_tokens" ("id", "expires_at")
        SELECT f."grant_id", $2
        FROM (SELECT DISTINCT r."grant_id" FROM "oauth_records" r WHERE r."account_id" = $1 AND r."grant_id" IS NOT NULL) f
        WHERE TRUE ORDER BY f."grant_id" ${KEEP_LATER_EXPIRY}`,
};

const END_SESSIONS_OF_ACCOUNT: Statement = {
  name: 'end_sign_in_sessions_of_account',
  sql: `UPDATE "oauth_records" SET ${endsSession('$2')} WHERE "account_id" = $1 AND "kind" = 'Session'`,
};

/** Ended sessions have no account any more. */
const FORGET: Statement = {
  name: 'forget_sign_ins_of_account',
  sql: `DELETE FROM "oauth_records" WHERE "account_id" = $1`,
};

const END_CONSOLE_OF_ACCOUNT: Statement = {
  name: 'end_console_sessions_of_account',
  sql: `DELETE FROM "console_sessions" WHERE "user_id" = $1`,
};

/** Ends a browser's sign-in session, unless it is that of one account. */
const END_SESSION: Statement = {
  name: 'end_sign_in_session',
  sql: `UPDATE "oauth_records" SET ${endsSession('$3')}
        WHERE "id" = $1 AND "consumed_at" IS NULL AND ("account_id" IS NULL OR "account_id" <> $2)`,
};

/** Ends the sessions of the console that came from a sign-in session, once that has ended. */
const END_CONSOLE_OF_SESSION: Statement = {
  name: 'end_console_sessions_of_sign_in_session',
  sql: `DELETE FROM "console_sessions" WHERE "sign_in_uid" = (
          SELECT r."uid" FROM "oauth_records" r WHERE r."id" = $1 AND ${hasEnded('r')})`,
};

const END_CONSOLE_OF_ONE: Statement = {
  name: 'end_console_sessions_of_sign_in',
  sql: `DELETE FROM "console_sessions" WHERE "user_id" = $1 AND "sign_in_uid" = $2`,
};

const LIST: Statement = {
  name: 'list_sign_in_sessions',
  sql: `SELECT r."uid", r."payload" FROM "oauth_records" r WHERE r."account_id" = $1 AND r."kind" = 'Session' AND r."expires_at" > $2`,
};

const END_ONE: Statement = {
  name: 'end_sign_in_session_of_account',
  sql: `UPDATE "oauth_records" SET ${endsSession('$3')} WHERE "account_id" = $1 AND "kind" = 'Session' AND "uid" = $2`,
};

/** Ends sign-ins that were answered a moment ago: if the form were sent again, they would bring a session back. */
const END_ANSWERED_OF_ACCOUNT: Statement = {
  name: 'end_answered_interactions_of_account',
  sql: `DELETE FROM "oauth_records" WHERE "account_id" = $1 AND "kind" = 'Interaction' AND "consumed_at" IS NOT NULL`,
};

/**
 * Ends the interactions in which a browser has signed in, unless as one account: opened again, they would bring the
 * session back.
 */
const END_ANSWERED: Statement = {
  name: 'end_answered_interactions_of_browser',
  sql: `DELETE FROM "oauth_records" WHERE "uid" = $1 AND "kind" = 'Interaction' AND "account_id" <> $2 AND "id" <> $3`,
};

/** How many records one statement changes, so that each takes far less than the 5 s that it may. */
const STEP = 10_000;

const END_EVERY_SESSION: Statement = {
  name: 'end_sign_in_sessions_of_all',
  sql: `UPDATE "oauth_records" SET ${endsSession('$1')} WHERE "id" IN (
          SELECT r."id" FROM "oauth_records" r WHERE r."kind" = 'Session' AND r."consumed_at" IS NULL LIMIT ${STEP})
        RETURNING "id"`,
};

/** Forgets interactions, grants, codes and refresh tokens. What says that a client assertion was used is kept. */
const FORGET_EVERYTHING: Statement = {
  name: 'forget_sign_ins_of_all',
  sql: `DELETE FROM "oauth_records" WHERE "id" IN (
          SELECT r."id" FROM "oauth_records" r WHERE r."kind" NOT IN ('Session', 'ReplayDetection') LIMIT ${STEP})
        RETURNING "id"`,
};

const END_CONSOLE_OF_ALL: Statement = {
  name: 'end_console_sessions_of_all',
  sql: `DELETE FROM "console_sessions"`,
};

/** A browser in which an account is signed in at the authorization server. */
export interface SignIn {
  uid: string;
  signedInAt: Date;
}

/** The sign-ins of accounts at the authorization server. */
@Injectable()
export class SignInsService {
  constructor(
    private readonly database: Database,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /**
   * Permanently ends what an account has signed in for: sessions, also those of the console, codes, grants, refresh tokens, and the access tokens
   * that came from them. An account that becomes active again must sign in again.
   */
  async end(db: EntityManager, account: string): Promise<void> {
    const now = this.clock.now();
    // First, so that a request that is about to store a code for one of them has stored it before, or can't answer it.
    await this.database.within(db, END_SESSIONS_OF_ACCOUNT, [account, now]);
    await this.database.within(db, REVOKE_FAMILIES, [account, addSeconds(now, FAMILY_LIFETIME)]);
    await this.database.within(db, FORGET, [account]);
    await this.database.within(db, END_CONSOLE_OF_ACCOUNT, [account]);
  }

  /**
   * Permanently ends what all accounts have signed in for, as `end` does, except for the access tokens. They end when
   * the key is replaced that has signed them.
   */
  async endAll(db: EntityManager, now: Date): Promise<void> {
    while ((await this.database.within(db, END_EVERY_SESSION, [now])).length === STEP);
    while ((await this.database.within(db, FORGET_EVERYTHING, [])).length === STEP);
    await this.database.within(db, END_CONSOLE_OF_ALL, []);
  }

  /**
   * Seconds until a sign-in session ends if it is used now. It has an idle end and an absolute end, as every session
   * has.
   */
  ttlOf({ loginTs }: { loginTs?: number }): number {
    const now = this.clock.now();
    const used = toNumericDate(now);
    const absoluteEnd = (loginTs ?? used) + this.settings.SESSION_LIFETIME;
    return Math.max(1, Math.min(toNumericDate(this.settings.idleAfter(now)), absoluteEnd) - used);
  }

  /** The live sign-in sessions of an account, latest first. */
  async list(account: string): Promise<SignIn[]> {
    const rows = await this.database.read<{ uid: string; payload: string }>(LIST, [account, this.clock.now()]);
    return rows
      .map(({ uid, payload }) => ({
        uid,
        signedInAt: new Date((JSON.parse(payload) as { loginTs: number }).loginTs * 1000),
      }))
      .toSorted((a, b) => b.signedInAt.getTime() - a.signedInAt.getTime());
  }

  /** Ends one sign-in session of the account. It does nothing if the session is somebody else's. */
  async endOne(account: string, uid: string): Promise<void> {
    await this.database.write(END_ONE, [account, uid, this.clock.now()]);
    await this.database.write(END_CONSOLE_OF_ONE, [account, uid]);
    await this.database.write(END_ANSWERED_OF_ACCOUNT, [account]);
  }

  /**
   * Signs a browser out: ends its sign-in session, the sessions of the console that came from it, and the interactions
   * in which somebody has signed in there. What other clients were granted stays valid.
   *
   * @param next the account that signs in there now, and the interaction in which it does. Its own sign-ins go on.
   */
  async signOut({ session, browser }: ShownSignIn, next?: { account: string; interaction: string }): Promise<void> {
    const account = next?.account ?? '';
    if (session) {
      const record = recordIdOf('Session', session);
      await this.database.write(END_SESSION, [record, account, this.clock.now()]);
      await this.database.write(END_CONSOLE_OF_SESSION, [record]);
    }
    if (!browser) return;
    const interaction = next ? recordIdOf('Interaction', next.interaction) : '';
    await this.database.write(END_ANSWERED, [hashSecret(browser), account, interaction]);
  }
}
