import { Injectable } from '@nestjs/common';
import type { Caller } from '../common/caller.js';
import { addSeconds, Clock } from '../common/clock.js';
import { hashSecret, newSecret } from '../common/id.js';
import { CACHE_MS, RecentAnswers } from '../common/recent-answers.js';
import { Settings } from '../config/settings.js';
import { Database, toInstant } from '../database/database.js';
import { prune, pruneExpired } from '../database/prune.js';
import type { Statement } from '../database/statement.js';
import { recordIdOf } from './record-id.js';

/** How many sessions the cache holds. */
const CACHE_SIZE = 10_000;

/** The resolution of the last use, in seconds. The shortest idle time is a minute. */
const TOUCH_SECONDS = 10;

/** Starts a session, unless the sign-in has ended, the account was blocked, or its client was deleted meanwhile. */
const START: Statement = {
  name: 'start_console_session',
  sql: `INSERT INTO "console_sessions" ("secret_hash", "user_id", "client_id", "sign_in_uid", "last_seen_at", "expires_at")
        SELECT $1, u."id", c."id", r."uid", $5, $6
        FROM "users" u JOIN "clients" c ON c."id" = $3 JOIN "oauth_records" r ON r."id" = $4 AND r."account_id" = u."id"
        WHERE u."id" = $2 AND u."status" = 'ACTIVE'
        RETURNING "secret_hash"`,
};

const FIND: Statement = {
  name: 'find_console_session',
  sql: `SELECT s."user_id" AS "userId", s."client_id" AS "clientId", s."last_seen_at" AS "lastSeenAt"
        FROM "console_sessions" s JOIN "users" u ON u."id" = s."user_id" AND u."status" = 'ACTIVE'
        WHERE s."secret_hash" = $1 AND s."expires_at" > $2 AND s."last_seen_at" > $3`,
};

const TOUCH: Statement = {
  name: 'touch_console_session',
  sql: `UPDATE "console_sessions" SET "last_seen_at" = $2 WHERE "secret_hash" = $1`,
  isRepeatable: true,
};

const END: Statement = {
  name: 'end_console_session',
  sql: `DELETE FROM "console_sessions" WHERE "secret_hash" = $1`,
  isRepeatable: true,
};

const PRUNE = pruneExpired('console_sessions', 'secret_hash');

interface Row {
  userId: string;
  clientId: string;
  lastSeenAt: Date | string;
}

/** The sessions of the console (docs/api.md, section 16.2). */
@Injectable()
export class ConsoleSessionsService {
  private readonly known: RecentAnswers<Caller>;

  constructor(
    private readonly database: Database,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {
    this.known = new RecentAnswers(clock, { size: CACHE_SIZE, lifetimeMs: CACHE_MS });
  }

  /**
   * Starts a session and returns its secret, or `null` if the account is no longer signed in or active. `signIn` is the
   * identifier of the sign-in at the authorization server that it comes from.
   */
  async start({ userId, clientId }: Caller, signIn: string): Promise<string | null> {
    const secret = newSecret();
    const now = this.clock.now();
    const expiresAt = addSeconds(now, this.settings.SESSION_LIFETIME);
    const record = recordIdOf('Session', signIn);
    const started = await this.database.write(START, [hashSecret(secret), userId, clientId, record, now, expiresAt]);
    return started.length === 1 ? secret : null;
  }

  /**
   * Whom a live session belongs to, or `null`. What the session came from is checked every 1.5 s, so a session that
   * ended is refused by every instance within two seconds.
   */
  find(secret: string): Promise<Caller | null> {
    const secretHash = hashSecret(secret);
    return this.known.get(secretHash, () => this.ask(secretHash));
  }

  async end(secret: string | undefined): Promise<void> {
    if (!secret) return;
    const secretHash = hashSecret(secret);
    await this.database.write(END, [secretHash]);
    this.known.forget(secretHash);
  }

  /** Deletes sessions that are over. */
  prune(): Promise<void> {
    return prune(this.database, PRUNE, [this.clock.now()]);
  }

  private async ask(secretHash: string): Promise<Caller | null> {
    const now = this.clock.now();
    const [found] = await this.database.read<Row>(FIND, [secretHash, now, this.settings.idleSince(now)]);
    if (!found) return null;
    if (addSeconds(toInstant(found.lastSeenAt), TOUCH_SECONDS) <= now)
      await this.database.write(TOUCH, [secretHash, now]);
    return { userId: found.userId, clientId: found.clientId };
  }
}
