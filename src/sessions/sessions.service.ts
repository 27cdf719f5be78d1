import { Injectable } from '@nestjs/common';
import { grants } from '../access/access.policy.js';
import type { EndReason } from '../audit/audit-events.js';
import { addSeconds, Clock } from '../common/clock.js';
import { hashSecret, newId, newSecret } from '../common/id.js';
import { Settings } from '../config/settings.js';
import { Database, toInstant } from '../database/database.js';
import type { Statement } from '../database/statement.js';
import type { ShownCookie } from './session-cookie.js';

/** A session that is live at this moment. */
export interface LiveSession {
  id: string;
  userId: string;
  /** Who let the user in. */
  actorId: string;
  clientId: string;
  createdAt: Date;
  /** Unless it is used before then, or at its absolute end. */
  expiresAt: Date;
}

/** A session that was started a moment ago. The secret exists here and in the browser only. */
export interface StartedSession {
  secret: string;
  secure: boolean;
  returnTo: string | null;
}

/**
 * Redeems a login token by creating its session: one statement, so both happen or neither. It carries the
 * whole condition (the token is not expired, not revoked, and the policy still allows it), and the unique
 * index on `login_token_id` carries the rest: of any number at once, one gets a row back.
 */
const START: Statement = {
  name: 'start_session',
  sql: `INSERT INTO "sessions" ("id", "secret_hash", "user_id", "login_token_id", "secure", "created_at", "last_seen_at", "expires_at", "device", "organization_id")
        SELECT $2, $3, t."user_id", t."id", t."secure", $4, $4, $5, $6, t."organization_id" FROM "login_tokens" t
        WHERE t."id" = $1 AND t."expires_at" > $4 AND t."revoked_at" IS NULL
          AND EXISTS (SELECT 1 ${grants({ caller: 't."caller_id"', client: 't."client_id"', user: 't."user_id"' })})
        ON CONFLICT ("login_token_id") DO NOTHING
        RETURNING "secure", (SELECT t."return_to" FROM "login_tokens" t WHERE t."id" = $1) AS "returnTo"`,
};

/**
 * A session lasts only as long as what it came from: with the user, the membership, the right of whoever
 * let them in, or the client gone, there is no live session, on every instance, at the next request.
 */
const FIND: Statement = {
  name: 'find_session',
  sql: `SELECT s."id", s."user_id" AS "userId", t."caller_id" AS "actorId", t."client_id" AS "clientId",
               s."created_at" AS "createdAt", s."last_seen_at" AS "lastSeenAt", s."expires_at" AS "expiresAt"
        FROM "sessions" s JOIN "login_tokens" t ON t."id" = s."login_token_id"
        WHERE s."secret_hash" = $1 AND s."secure" = $2 AND s."ended_at" IS NULL AND s."expires_at" > $3 AND s."last_seen_at" > $4
          AND t."revoked_at" IS NULL
          AND EXISTS (SELECT 1 ${grants({ caller: 't."caller_id"', client: 't."client_id"', user: 't."user_id"' })})`,
};

const TOUCH: Statement = {
  name: 'touch_session',
  sql: `UPDATE "sessions" SET "last_seen_at" = $2 WHERE "id" = $1 AND "ended_at" IS NULL`,
};

const END: Statement = {
  name: 'end_session',
  sql: `UPDATE "sessions" SET "ended_at" = $2, "end_reason" = $3 WHERE "secret_hash" = $1 AND "ended_at" IS NULL`,
};

/** How exactly the last use is remembered: at most one write a minute for each session, and ten in an idle time. */
const MAX_TOUCH_INTERVAL_SECONDS = 60;
const TOUCHES_IN_IDLE_TIME = 10;

/** Raw rows: instants are text on SQLite. */
interface SessionRow {
  id: string;
  userId: string;
  actorId: string;
  clientId: string;
  createdAt: Date | string;
  lastSeenAt: Date | string;
  expiresAt: Date | string;
}

/** The web sessions (API.md, section 3). */
@Injectable()
export class SessionsService {
  constructor(
    private readonly database: Database,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /** Redeems the login token with this `jti`. Of any number of calls at once, one starts a session; the others answer `null`. */
  async start(loginTokenId: string, device: string | null): Promise<StartedSession | null> {
    const secret = newSecret();
    const now = this.clock.now();
    const expiresAt = addSeconds(now, this.settings.SESSION_LIFETIME);
    const [started] = await this.database.write<{ secure: unknown; returnTo: string | null }>(START, [
      loginTokenId,
      newId(),
      hashSecret(secret),
      now,
      expiresAt,
      device,
    ]);
    return started ? { secret, secure: Boolean(started.secure), returnTo: started.returnTo } : null;
  }

  /** The live session among what the browser shows; using it puts off its idle end. */
  async find(cookies: ShownCookie[]): Promise<LiveSession | null> {
    for (const { secret, secure } of cookies) {
      const now = this.clock.now();
      const idleSince = addSeconds(now, -this.settings.SESSION_IDLE_TIMEOUT);
      const [row] = await this.database.read<SessionRow>(FIND, [hashSecret(secret), secure, now, idleSince]);
      if (row) return this.use(row, now);
    }
    return null;
  }

  /** Ends whatever the browser shows. Once answered, no instance takes it any more. */
  async end(cookies: ShownCookie[], reason: EndReason = 'LOGOUT'): Promise<void> {
    for (const { secret } of cookies) await this.database.write(END, [hashSecret(secret), this.clock.now(), reason]);
  }

  private async use(row: SessionRow, now: Date): Promise<LiveSession> {
    const lastSeenAt = await this.touch(row, now);
    const idleEnd = addSeconds(lastSeenAt, this.settings.SESSION_IDLE_TIMEOUT);
    const absoluteEnd = toInstant(row.expiresAt);
    return {
      id: row.id,
      userId: row.userId,
      actorId: row.actorId,
      clientId: row.clientId,
      createdAt: toInstant(row.createdAt),
      expiresAt: idleEnd < absoluteEnd ? idleEnd : absoluteEnd,
    };
  }

  /** The last use, as it is remembered from now on. */
  private async touch(row: SessionRow, now: Date): Promise<Date> {
    const lastSeenAt = toInstant(row.lastSeenAt);
    const interval = Math.min(MAX_TOUCH_INTERVAL_SECONDS, this.settings.SESSION_IDLE_TIMEOUT / TOUCHES_IN_IDLE_TIME);
    if (now < addSeconds(lastSeenAt, interval)) return lastSeenAt;
    await this.database.write(TOUCH, [row.id, now]);
    return now;
  }
}
