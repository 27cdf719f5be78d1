import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { countWhenCommitted } from '../../rights/ended-sessions.js';
import type { EndedRow } from '../../rights/ended-sessions.js';
import { canStartSession, endSessions, isLive, momentAt, SESSIONS } from '../../rights/live-session.js';
import { LOGINS } from '../../rights/grants.js';
import type { EndReason } from '../../schema/entities/audit-events.js';
import { addSeconds, Clock } from '../../common/clock.js';
import { hashSecret, newSecret } from '../../common/id.js';
import { instantOfLogin, readLoginId, toBytes } from '../../common/login-id.js';
import { currentRequestId } from '../../common/request-id.js';
import { Settings } from '../../config/settings.js';
import { Database, fromMilliseconds } from '../../database/database.js';
import { insertion } from '../../database/insertion.js';
import type { Parameter, Statement } from '../../database/statement.js';
import { countEnded, sessionsStarted, tokenAge } from '../../telemetry/metrics.js';
import { KnownVisitors, visitorKey } from './known-visitors.js';
import type { LiveSession, StartedSession } from './session.js';
import type { ShownCookie } from './session-cookie.js';

/** How a login token is redeemed. The token's record says which of these it needs. */
export interface Redemption {
  /** Whether the visitor has confirmed the login on one of our pages. */
  isConfirmed: boolean;
  isInFrame: boolean;
  /** The cookies of the sessions that end when the new one starts. */
  replaces: ShownCookie[];
  /** The browser and system, from the User-Agent header. */
  device: string | null;
  /** The secret of the page on which the visitor has confirmed the login. */
  pageSecret?: string;
}

/**
 * Redeems a login token by creating its session, in one statement, so that both happen or neither. The statement checks
 * that the token is not expired or revoked, is redeemed in the way it was made for, is still allowed by the policy, and
 * leads to a site that still belongs to whoever asked for it. The primary key does the rest: of any number of concurrent
 * calls, one gets a row, also if it repeats the statement with the same parameters.
 */
const START = insertion({
  name: 'start_session',
  into: `"sessions" ("id", "secret_hash", "created_at", "last_seen_at", "ends_at", "device")`,
  select: `
        SELECT t."id", $2, $3, $3, $4, $7 FROM ${LOGINS}
        WHERE t."id" = $1
          AND (t."embed_origin" IS NULL OR $6)
          /* An ordinary session in a frame needs a confirmation: the browser may not show the frame or keep its
             cookie. */
          AND ($5 OR (t."delivery" IS NULL AND (t."embed_origin" IS NOT NULL OR NOT $6)))
          AND ${canStartSession('$3')}`,
  end: `
        ON CONFLICT ("id") DO UPDATE SET "device" = excluded."device"
          WHERE "sessions"."secret_hash" = excluded."secret_hash" AND "sessions"."created_at" = excluded."created_at"
        RETURNING (SELECT t."secure" FROM "login_tokens" t WHERE t."id" = "sessions"."id") AS "secure",
                  (SELECT t."return_to" FROM "login_tokens" t WHERE t."id" = "sessions"."id") AS "returnTo",
                  (SELECT t."embed_origin" FROM "login_tokens" t WHERE t."id" = "sessions"."id") AS "embedOrigin"`,
  types: ['uuid', 'bytea', 'bigint', 'bigint', 'boolean', 'boolean', 'varchar'],
  id: 1,
});

/** Finds a live session. */
function finding(name: string, condition: string): Statement {
  return {
    name,
    sql: `SELECT s."id", s."secret_hash" AS "secretHash", t."user_id" AS "userId", d."caller_id" AS "actorId", d."client_id" AS "clientId",
                 (SELECT a."staff_organization_id" FROM "users" a WHERE a."id" = d."caller_id") AS "organizationId",
                 t."embed_origin" AS "embedOrigin", s."created_at" AS "createdAt", s."last_seen_at" AS "lastSeenAt", s."ends_at" AS "endsAt"
          FROM ${SESSIONS}
          WHERE ${condition}`,
  };
}

/** Whether a cookie of this kind names the session, and it is live. The secret's hash is compared afterwards. */
const COUNTS = `t."secure" = $2 AND (t."embed_origin" IS NOT NULL) = $3 AND ${isLive({ now: '$4', idleSince: '$5', oldest: '$6' })}`;

const FIND = finding('find_session', `s."id" = $1 AND ${COUNTS}`);
const FIND_BY_OLD_COOKIE = finding(
  'find_session_by_old_cookie',
  `s."secret_hash" = $1 AND s."has_old_cookie" = TRUE AND ${COUNTS}`,
);
const FIND_BY_HANDLE = finding(
  'find_session_by_handle',
  `s."id" = $1 AND t."embed_origin" IS NULL AND ${isLive({ now: '$2', idleSince: '$3', oldest: '$4' })}`,
);

/** Finds the session that a token has started. Whether it is still live is checked when it is used. */
const FIND_STARTED: Statement = {
  name: 'find_started_session',
  sql: `SELECT s."secret_hash" AS "secretHash", t."secure", t."return_to" AS "returnTo", t."embed_origin" AS "embedOrigin"
        FROM ${SESSIONS} WHERE s."id" = $1 AND s."created_at" > $2 AND s."ends_at" > $3`,
};

const FIND_END: Statement = {
  name: 'find_end_of_session',
  sql: `SELECT s."ends_at" AS "endsAt" FROM "sessions" s WHERE s."id" = $1 AND s."end_reason" IS NOT NULL`,
};

const TOUCH: Statement = {
  name: 'touch_session',
  sql: `UPDATE "sessions" SET "last_seen_at" = $2 WHERE "id" = $1 AND "last_seen_at" < $2 AND "ends_at" > $2`,
  isRepeatable: true,
};

const MOMENT = { now: '$2', reason: '$3', idleSince: '$4', oldest: '$5', request: '$6' };

const END: Statement = {
  name: 'end_session',
  sql: `${endSessions('"id" = $1 AND "secret_hash" = $7', MOMENT)} RETURNING "end_reason" AS "reason"`,
  isRepeatable: true,
};

const END_BY_OLD_COOKIE: Statement = {
  name: 'end_session_by_old_cookie',
  sql: `${endSessions('"secret_hash" = $1 AND "has_old_cookie" = TRUE', MOMENT)} RETURNING "end_reason" AS "reason"`,
  isRepeatable: true,
};

/** A cookie's value: the 16 bytes of the session's ID and the secret, both in base64url. */
const COOKIE = /^([\w-]{22})\.([\w-]{43})$/;

/** Seconds for which a repeated form is answered like the first. */
const REPEATABLE_SECONDS = 30;

/** The resolution of the last use. A session is written at most once a minute, and ten times in its idle time. */
const MAX_TOUCH_INTERVAL_SECONDS = 60;
const TOUCHES_IN_IDLE_TIME = 10;

interface StartedRow {
  secure: unknown;
  returnTo: string | null;
  embedOrigin: string | null;
}

/** A raw row. SQLite returns IDs as bytes, and PostgreSQL instants as text. */
interface SessionRow {
  id: Buffer | string;
  secretHash: Buffer;
  userId: string;
  actorId: string;
  clientId: string;
  organizationId: string;
  embedOrigin: string | null;
  createdAt: number | string;
  lastSeenAt: number | string;
  endsAt: number | string;
}

/** Starts, finds and ends web sessions (docs/api.md, section 5). */
@Injectable()
export class SessionsService {
  private readonly pageSecretKey: Buffer;

  constructor(
    private readonly database: Database,
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly known: KnownVisitors,
  ) {
    this.pageSecretKey = Buffer.from(hkdfSync('sha256', settings.SECRET_KEY, '', 'latchkey: sessions of pages', 32));
  }

  /**
   * Redeems the login token with this `jti`. Of any number of concurrent calls, one starts a session; the others get
   * `null`.
   */
  async start(loginTokenId: string, redemption: Redemption): Promise<StartedSession | null> {
    const { isConfirmed, isInFrame, replaces, device, pageSecret } = redemption;
    const secret = pageSecret ? this.secretFor(pageSecret, loginTokenId) : newSecret();
    const now = this.clock.now();
    const endsAt = addSeconds(now, this.settings.SESSION_LIFETIME).getTime();
    const login = toBytes(loginTokenId);
    const parameters = [login, hashOf(secret), now.getTime(), endsAt, isConfirmed, isInFrame, device];
    const [started] =
      replaces.length === 0
        ? await this.database.write<StartedRow>(START, parameters)
        : await this.startInstead(parameters, replaces);
    if (!started) return null;
    sessionsStarted.inc();
    tokenAge.observe((now.getTime() - instantOfLogin(loginTokenId).getTime()) / 1000);
    return toStarted(started, loginTokenId, secret);
  }

  /**
   * The session that the same page has started with the token a moment ago. When the visitor presses the button twice,
   * the browser drops the first answer together with its cookie.
   */
  async findStarted(loginTokenId: string, pageSecret: string): Promise<StartedSession | null> {
    const secret = this.secretFor(pageSecret, loginTokenId);
    const now = this.clock.now();
    const parameters = [toBytes(loginTokenId), addSeconds(now, -REPEATABLE_SECONDS).getTime(), now.getTime()];
    const [started] = await this.database.read<StartedRow & { secretHash: Buffer }>(FIND_STARTED, parameters);
    return started && isHashOf(started.secretHash, secret) ? toStarted(started, loginTokenId, secret) : null;
  }

  /** Finds the live session among the cookies. This counts as a use, which postpones its idle end. */
  async find(cookies: ShownCookie[]): Promise<LiveSession | null> {
    for (const cookie of cookies) {
      const now = this.clock.now();
      const row = await this.findLive(cookie, now);
      if (row) return this.use(row, now);
    }
    return null;
  }

  /** Finds a live session, but not one of a frame, for an application in which its user has signed in. */
  async findByHandle(handle: string): Promise<LiveSession | null> {
    const { now, idleSince, oldest } = momentAt(this.clock.now(), this.settings);
    const [row] = await this.database.read<SessionRow>(FIND_BY_HANDLE, [toBytes(handle), now, idleSince, oldest]);
    return row ? this.toLive(row, fromMilliseconds(row.lastSeenAt)) : null;
  }

  /** When the session was ended, or `null` if nobody has ended it. */
  async endOf(id: string): Promise<Date | null> {
    const [row] = await this.database.read<{ endsAt: number | string }>(FIND_END, [toBytes(id)]);
    return row ? fromMilliseconds(row.endsAt) : null;
  }

  /** Ends the sessions of the cookies. Once this returns, no instance accepts them. */
  async end(cookies: ShownCookie[]): Promise<void> {
    for (const cookie of cookies) {
      await this.endWith(null, cookie, 'LOGOUT');
    }
  }

  /**
   * Ends the old sessions and starts the new one in one transaction, so that a token that starts none leaves the old
   * ones alone.
   */
  private startInstead(parameters: Parameter[], replaces: ShownCookie[]): Promise<StartedRow[]> {
    return this.database.transaction(async (db) => {
      const started = await this.database.within<StartedRow>(db, START, parameters);
      if (started.length === 0) return [];
      for (const cookie of replaces) await this.endWith(db, cookie, 'REPLACED');
      return started;
    });
  }

  /**
   * The session's secret, derived from the page's secret and the token. The same page and token always give the same
   * secret, and nobody can compute it from these two alone.
   */
  private secretFor(pageSecret: string, loginTokenId: string): string {
    return createHmac('sha256', this.pageSecretKey).update(`${pageSecret} ${loginTokenId}`).digest('base64url');
  }

  private async findLive({ secret, secure, embedded }: ShownCookie, now: Date): Promise<SessionRow | null> {
    const { now: at, idleSince, oldest } = momentAt(now, this.settings);
    const conditions = [secure, embedded, at, idleSince, oldest];
    const named = COOKIE.exec(secret);
    const [row] = await (named
      ? this.database.read<SessionRow>(FIND, [Buffer.from(named[1]!, 'base64url'), ...conditions])
      : this.database.read<SessionRow>(FIND_BY_OLD_COOKIE, [oldHashOf(secret), ...conditions]));
    if (!row) return null;
    return !named || isHashOf(row.secretHash, named[2]!) ? row : null;
  }

  private async endWith(db: EntityManager | null, cookie: ShownCookie, reason: EndReason): Promise<void> {
    const { now, idleSince, oldest } = momentAt(this.clock.now(), this.settings);
    const named = COOKIE.exec(cookie.secret);
    const statement = named ? END : END_BY_OLD_COOKIE;
    const moment = [now, reason, idleSince, oldest, currentRequestId()];
    const parameters = named
      ? [Buffer.from(named[1]!, 'base64url'), ...moment, hashOf(named[2]!)]
      : [oldHashOf(cookie.secret), ...moment];
    if (db) countWhenCommitted(db, await this.database.within<EndedRow>(db, statement, parameters));
    else countEnded(await this.database.write<EndedRow>(statement, parameters));
    this.known.forget(visitorKey(cookie));
  }

  private async use(row: SessionRow, now: Date): Promise<LiveSession> {
    return this.toLive(row, await this.touch(row, now));
  }

  private toLive(row: SessionRow, lastSeenAt: Date): LiveSession {
    const idleEnd = this.settings.idleAfter(lastSeenAt);
    const absoluteEnd = fromMilliseconds(row.endsAt);
    return {
      id: readLoginId(row.id),
      userId: row.userId,
      actorId: row.actorId,
      clientId: row.clientId,
      organizationId: row.organizationId,
      embedOrigin: row.embedOrigin,
      createdAt: fromMilliseconds(row.createdAt),
      expiresAt: idleEnd < absoluteEnd ? idleEnd : absoluteEnd,
    };
  }

  /** Records the use if the recorded one is old enough, and returns the recorded instant. */
  private async touch(row: SessionRow, now: Date): Promise<Date> {
    const lastSeenAt = fromMilliseconds(row.lastSeenAt);
    const interval = Math.min(MAX_TOUCH_INTERVAL_SECONDS, this.settings.SESSION_IDLE_TIMEOUT / TOUCHES_IN_IDLE_TIME);
    if (now < addSeconds(lastSeenAt, interval)) return lastSeenAt;
    await this.database.write(TOUCH, [toBytes(readLoginId(row.id)), now.getTime()]);
    return now;
  }
}

function toStarted(row: StartedRow, id: string, secret: string): StartedSession {
  const { secure, returnTo, embedOrigin } = row;
  const value = `${toBytes(id).toString('base64url')}.${secret}`;
  return { secure: Boolean(secure), returnTo, embedOrigin, secret: value };
}

/** The hash under which a secret is stored. */
function hashOf(secret: string): Buffer {
  return Buffer.from(hashSecret(secret), 'base64url');
}

/** The hash of a secret as an earlier version stored it. */
function oldHashOf(secret: string): Buffer {
  return Buffer.from(hashSecret(secret));
}

function isHashOf(hash: Buffer, secret: string): boolean {
  const expected = hashOf(secret);
  return hash.length === expected.length && timingSafeEqual(hash, expected);
}
