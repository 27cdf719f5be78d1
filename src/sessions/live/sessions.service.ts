import { createHmac, hkdfSync } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { endSessions, canStartSession, isLive } from '../../rights/live-session.js';
import type { EndReason } from '../../schema/entities/audit-events.js';
import { addSeconds, Clock } from '../../common/clock.js';
import { hashSecret, newId, newSecret } from '../../common/id.js';
import { Settings } from '../../config/settings.js';
import { Database, toInstant } from '../../database/database.js';
import type { Parameter, Statement } from '../../database/statement.js';
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
 * leads to a site that still belongs to whoever asked for it. The unique index on `login_token_id` does the rest: of
 * any number of concurrent calls, one gets a row, also if it repeats the statement with the same ID.
 */
const START: Statement = {
  name: 'start_session',
  sql: `INSERT INTO "sessions" ("id", "secret_hash", "user_id", "login_token_id", "secure", "created_at", "last_seen_at", "expires_at", "device", "organization_id")
        SELECT $2, $3, t."user_id", t."id", t."secure", $4, $4, $5, $8, t."organization_id" FROM "login_tokens" t
        WHERE t."id" = $1
          AND (t."embed_origin" IS NULL OR $7)
          /* An ordinary session in a frame needs a confirmation: the browser may not show the frame or keep its
             cookie. */
          AND ($6 OR (t."delivery" = 'redirect' AND (t."embed_origin" IS NOT NULL OR NOT $7)))
          AND ${canStartSession('t', '$4')}
        ON CONFLICT ("login_token_id") DO UPDATE SET "secure" = excluded."secure" WHERE "sessions"."id" = excluded."id"
        RETURNING "secure", (SELECT t."return_to" FROM "login_tokens" t WHERE t."id" = $1) AS "returnTo",
                  (SELECT t."embed_origin" FROM "login_tokens" t WHERE t."id" = $1) AS "embedOrigin"`,
  isRepeatable: true,
};

const FIND: Statement = {
  name: 'find_session',
  sql: `SELECT s."id", s."user_id" AS "userId", s."login_token_id" AS "loginTokenId", t."caller_id" AS "actorId", t."client_id" AS "clientId",
               (SELECT a."staff_organization_id" FROM "users" a WHERE a."id" = t."caller_id") AS "organizationId",
               t."embed_origin" AS "embedOrigin", s."created_at" AS "createdAt", s."last_seen_at" AS "lastSeenAt", s."expires_at" AS "expiresAt"
        FROM "sessions" s JOIN "login_tokens" t ON t."id" = s."login_token_id"
        WHERE s."secret_hash" = $1 AND s."secure" = $2 AND (t."embed_origin" IS NOT NULL) = $5
          AND ${isLive('s', 't', { now: '$3', idleSince: '$4' })}`,
};

/** Finds the session that a token has started. Whether it is still live is checked when it is used. */
const FIND_STARTED: Statement = {
  name: 'find_started_session',
  sql: `SELECT s."secure", t."return_to" AS "returnTo", t."embed_origin" AS "embedOrigin"
        FROM "sessions" s JOIN "login_tokens" t ON t."id" = s."login_token_id"
        WHERE s."secret_hash" = $1 AND s."login_token_id" = $2 AND s."created_at" > $3 AND s."ended_at" IS NULL`,
};

const TOUCH: Statement = {
  name: 'touch_session',
  sql: `UPDATE "sessions" SET "last_seen_at" = $2 WHERE "id" = $1 AND "ended_at" IS NULL`,
  isRepeatable: true,
};

const END: Statement = {
  name: 'end_session',
  sql: endSessions('"secret_hash" = $1', { now: '$2', reason: '$3', idleSince: '$4' }),
  isRepeatable: true,
};

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

/** A raw row. SQLite returns instants as text. */
interface SessionRow {
  id: string;
  userId: string;
  loginTokenId: string;
  actorId: string;
  clientId: string;
  organizationId: string;
  embedOrigin: string | null;
  createdAt: Date | string;
  lastSeenAt: Date | string;
  expiresAt: Date | string;
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
    const expiresAt = addSeconds(now, this.settings.SESSION_LIFETIME);
    const parameters = [loginTokenId, newId(), hashSecret(secret), now, expiresAt, isConfirmed, isInFrame, device];
    const [started] =
      replaces.length === 0
        ? await this.database.write<StartedRow>(START, parameters)
        : await this.startInstead(parameters, replaces);
    return started ? { ...started, secret, secure: Boolean(started.secure) } : null;
  }

  /**
   * The session that the same page has started with the token a moment ago. When the visitor presses the button twice,
   * the browser drops the first answer together with its cookie.
   */
  async findStarted(loginTokenId: string, pageSecret: string): Promise<StartedSession | null> {
    const secret = this.secretFor(pageSecret, loginTokenId);
    const since = addSeconds(this.clock.now(), -REPEATABLE_SECONDS);
    const [started] = await this.database.read<StartedRow>(FIND_STARTED, [hashSecret(secret), loginTokenId, since]);
    return started ? { ...started, secret, secure: Boolean(started.secure) } : null;
  }

  /** Finds the live session among the cookies. This counts as a use, which postpones its idle end. */
  async find(cookies: ShownCookie[]): Promise<LiveSession | null> {
    for (const { secret, secure, embedded } of cookies) {
      const now = this.clock.now();
      const parameters = [hashSecret(secret), secure, now, this.settings.idleSince(now), embedded];
      const [row] = await this.database.read<SessionRow>(FIND, parameters);
      if (row) return this.use(row, now);
    }
    return null;
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

  private async endWith(db: EntityManager | null, cookie: ShownCookie, reason: EndReason): Promise<void> {
    const now = this.clock.now();
    const parameters = [hashSecret(cookie.secret), now, reason, this.settings.idleSince(now)];
    await (db ? this.database.within(db, END, parameters) : this.database.write(END, parameters));
    this.known.forget(visitorKey(cookie));
  }

  private async use(row: SessionRow, now: Date): Promise<LiveSession> {
    const lastSeenAt = await this.touch(row, now);
    const idleEnd = this.settings.idleAfter(lastSeenAt);
    const absoluteEnd = toInstant(row.expiresAt);
    return {
      id: row.id,
      userId: row.userId,
      loginTokenId: row.loginTokenId,
      actorId: row.actorId,
      clientId: row.clientId,
      organizationId: row.organizationId,
      embedOrigin: row.embedOrigin,
      createdAt: toInstant(row.createdAt),
      expiresAt: idleEnd < absoluteEnd ? idleEnd : absoluteEnd,
    };
  }

  /** Records the use if the recorded one is old enough, and returns the recorded instant. */
  private async touch(row: SessionRow, now: Date): Promise<Date> {
    const lastSeenAt = toInstant(row.lastSeenAt);
    const interval = Math.min(MAX_TOUCH_INTERVAL_SECONDS, this.settings.SESSION_IDLE_TIMEOUT / TOUCHES_IN_IDLE_TIME);
    if (now < addSeconds(lastSeenAt, interval)) return lastSeenAt;
    await this.database.write(TOUCH, [row.id, now]);
    return now;
  }
}
