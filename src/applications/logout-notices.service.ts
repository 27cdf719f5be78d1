import { Injectable, Logger } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { addSeconds, Clock, SECONDS_PER_DAY } from '../common/clock.js';
import { guardedRequest, RequestError } from '../common/guarded-request.js';
import { readLoginId } from '../common/login-id.js';
import { TrustedProxies } from '../common/trusted-proxies.js';
import { Settings } from '../config/settings.js';
import { Database, fromMilliseconds, toInstant } from '../database/database.js';
import { prune, pruneBefore } from '../database/prune.js';
import type { Statement } from '../database/statement.js';
import { isLive, momentAt } from '../rights/live-session.js';
import type { IdTokenAlgorithm } from '../schema/entities/client.entity.js';
import { LogoutTokenService } from './logout-token.service.js';

/** Milliseconds between two looks at what is due. */
const TICK_MS = 500;
/** Rows that are read at once, how many of them may be of one application, and how many are changed at once. */
const MAX_ROWS = 500;
const MAX_ROWS_OF_ONE = 100;
const WRITES_AT_ONCE = 8;
/** Requests that an instance sends to one application at once. A slow application holds up only its own. */
const MAX_REQUESTS_TO_ONE = 4;
/** Seconds that an application has for its answer, and for which no other instance sends the same token meanwhile. */
const REQUEST_SECONDS = 10;
const LEASE_SECONDS = 30;
/** Seconds for which applications are told again, and the longest pause between two attempts. */
const RETRY_SECONDS = SECONDS_PER_DAY;
const MAX_PAUSE_SECONDS = 15 * 60;
/** The longest time in seconds until a live session is looked at again. */
const MAX_LOOK_SECONDS = 5 * 60;
/** Milliseconds in which the engine replaces the record of a sign-in session by one with another identifier. */
const REPLACE_MS = 500;
/** The statuses with which an application confirms (OpenID Connect Back-Channel Logout 1.0, section 2.8). */
const CONFIRMED = [200, 204];

/** The next time at which a right of the user, or of whoever let them in, begins or ends. */
function nextBound(now: string): string {
  const of = (table: string, whose: string): string =>
    `SELECT CASE WHEN b."valid_from" > ${now} THEN b."valid_from" ELSE b."valid_until" END AS "at" FROM "${table}" b
     WHERE b."user_id" IN (${whose}) AND (b."valid_from" IS NOT NULL OR b."valid_until" IS NOT NULL)
       AND (b."valid_from" > ${now} OR b."valid_until" > ${now})`;
  return `(SELECT MIN(bound."at") FROM (
    ${of('memberships', 't."user_id"')} UNION ALL ${of('group_staff', 'd."caller_id"')}
    UNION ALL ${of('account_permissions', 't."user_id", d."caller_id"')}) bound)`;
}

/**
 * What is due, a few rows of each application before many of one. A row of a session that is live has the time at which
 * it ends.
 */
const FIND_DUE: Statement = {
  name: 'find_due_logouts',
  sql: `SELECT a."id", a."state", a."next_at" AS "nextAt", a."client_id" AS "clientId", a."user_id" AS "userId", a."session_id" AS "sessionId",
          a."sid", c."organization_id" AS "organizationId", c."backchannel_logout_uri" AS "uri",
          c."backchannel_logout_session_required" AS "namesSession", c."id_token_signed_response_alg" AS "algorithm",
          CASE WHEN ${isLive({ now: '$1', idleSince: '$2', oldest: '$3' })} THEN s."ends_at" END AS "endsAt",
          s."last_seen_at" AS "lastSeenAt", ${nextBound('$1')} AS "nextBound",
          (SELECT MAX(r."expires_at") FROM "oauth_records" r WHERE r."uid" = a."sign_in_uid" AND r."kind" = 'Session'
             AND r."account_id" = a."user_id" AND r."consumed_at" IS NULL AND r."expires_at" > $4) AS "signInEndsAt",
          (SELECT MAX(r."consumed_at") FROM "oauth_records" r WHERE r."uid" = a."sign_in_uid" AND r."kind" = 'Session') AS "replacedAt"
        FROM (SELECT ranked."id" FROM (
                SELECT w."id", ROW_NUMBER() OVER (PARTITION BY w."client_id" ORDER BY w."next_at") AS "rank"
                FROM "application_sessions" w WHERE w."next_at" <= $1) ranked
              WHERE ranked."rank" <= ${MAX_ROWS_OF_ONE} ORDER BY ranked."rank" LIMIT ${MAX_ROWS}) due
        JOIN "application_sessions" a ON a."id" = due."id" JOIN "clients" c ON c."id" = a."client_id"
        LEFT JOIN "sessions" s ON s."id" = a."session_id" LEFT JOIN "login_tokens" t ON t."id" = s."id"
        LEFT JOIN "delegations" d ON d."id" = t."delegation_id"`,
};

// Each of these changes a row only if nothing else has changed it since it was read.

const LOOK_LATER: Statement = {
  name: 'look_at_application_session_later',
  sql: `UPDATE "application_sessions" SET "next_at" = $3 WHERE "id" = $1 AND "next_at" = $2`,
};

/** Of several instances, one gets a row and sends the token. */
const CLAIM: Statement = {
  name: 'claim_logout',
  sql: `UPDATE "application_sessions" SET "state" = 'DUE', "next_at" = $3, "attempts" = "attempts" + 1, "last_attempt_at" = $4,
          "ended_at" = COALESCE("ended_at", $4)
        WHERE "id" = $1 AND "next_at" = $2 RETURNING "attempts", "ended_at" AS "endedAt"`,
};

const END: Statement = {
  name: 'end_application_session',
  sql: `UPDATE "application_sessions" SET "state" = 'ENDED', "next_at" = NULL, "ended_at" = $3 WHERE "id" = $1 AND "next_at" = $2`,
};

/** Also if the answer came after the lease: the application knows. */
const CONFIRM: Statement = {
  name: 'confirm_logout',
  sql: `UPDATE "application_sessions" SET "state" = 'NOTIFIED', "next_at" = NULL, "last_error" = NULL WHERE "id" = $1 AND "state" = 'DUE'`,
  isRepeatable: true,
};

const RETRY: Statement = {
  name: 'retry_logout',
  sql: `UPDATE "application_sessions" SET "next_at" = $3, "last_error" = $4 WHERE "id" = $1 AND "next_at" = $2`,
};

const GIVE_UP: Statement = {
  name: 'give_up_logout',
  sql: `UPDATE "application_sessions" SET "state" = 'FAILED', "next_at" = NULL, "last_error" = $3
        WHERE "id" = $1 AND "next_at" = $2 RETURNING "id"`,
};

const PRUNE = pruneBefore('application_sessions', 'id', 'ended_at');

interface DueRow {
  id: string;
  state: 'LIVE' | 'DUE';
  nextAt: number | string;
  clientId: string;
  userId: string;
  sessionId: Buffer | string | null;
  sid: string;
  organizationId: string;
  uri: string | null;
  namesSession: unknown;
  algorithm: IdTokenAlgorithm;
  endsAt: number | string | null;
  lastSeenAt: number | string | null;
  nextBound: number | string | null;
  signInEndsAt: Date | string | null;
  replacedAt: Date | string | null;
}

/** The requests to one application: how many are under way, and what waits for room. Another instance may be faster. */
interface Queue {
  running: number;
  waiting: Map<string, DueRow>;
}

/**
 * Tells applications that a session has ended (OpenID Connect Back-Channel Logout 1.0). Every instance does so. A row
 * stays due until an application has confirmed it, so a crash at any moment loses nothing.
 */
@Injectable()
export class LogoutNoticesService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Logout');
  private readonly allowedNetworks: TrustedProxies;
  private readonly queues = new Map<string, Queue>();
  private readonly attempts = new Set<Promise<void>>();
  private timer: NodeJS.Timeout | undefined;
  private working: Promise<void> | null = null;
  private isWanted = false;
  private isBroken = false;

  constructor(
    private readonly database: Database,
    private readonly tokens: LogoutTokenService,
    private readonly audit: AuditService,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {
    this.allowedNetworks = new TrustedProxies(settings.allowedNetworks);
  }

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => this.wake(), TICK_MS).unref();
  }

  /** Waits for the requests that are under way. */
  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    await this.working;
    await Promise.all(this.attempts);
  }

  /** Deletes what is over for longer than the record is kept. */
  prune(): Promise<void> {
    const oldest = addSeconds(this.clock.now(), -this.settings.RETENTION_DAYS * SECONDS_PER_DAY);
    return prune(this.database, PRUNE, [oldest.getTime()]);
  }

  private wake(): void {
    if (this.timer === undefined) return;
    this.isWanted = true;
    this.working ??= this.workWhileWanted().finally(() => {
      this.working = null;
    });
  }

  /** Looks again if somebody has asked for it while it looked. */
  private async workWhileWanted(): Promise<void> {
    while (this.isWanted) {
      this.isWanted = false;
      await this.work();
    }
  }

  private async work(): Promise<void> {
    try {
      const now = this.clock.now();
      const { now: milliseconds, idleSince, oldest } = momentAt(now, this.settings);
      const due = await this.database.read<DueRow>(FIND_DUE, [milliseconds, idleSince, oldest, now]);
      // A few at once: all connections are for requests too.
      for (let at = 0; at < due.length; at += WRITES_AT_ONCE)
        await Promise.all(due.slice(at, at + WRITES_AT_ONCE).map((row) => this.handle(row, now)));
      this.isBroken = false;
    } catch (error) {
      // It goes on twice a second until the database answers again.
      if (!this.isBroken) this.logger.error(`Could not see which sessions have ended. ${String(error)}`);
      this.isBroken = true;
    }
  }

  private async handle(row: DueRow, now: Date): Promise<void> {
    const later = row.state === 'LIVE' ? this.nextLookAt(row, now) : null;
    if (later) await this.database.write(LOOK_LATER, [row.id, Number(row.nextAt), later]);
    else if (!row.uri) await this.database.write(END, [row.id, Number(row.nextAt), now.getTime()]);
    else this.tell(row);
  }

  /** When to look at a live session again: when it ends, unless it is used meanwhile. `null` if it is over. */
  private nextLookAt({ endsAt, lastSeenAt, nextBound, signInEndsAt, replacedAt }: DueRow, now: Date): number | null {
    const last = addSeconds(now, MAX_LOOK_SECONDS).getTime();
    if (endsAt !== null) {
      const idleEnd = this.settings.idleAfter(fromMilliseconds(lastSeenAt!)).getTime();
      return Math.min(last, Number(endsAt), idleEnd, Number(nextBound ?? last));
    }
    if (signInEndsAt !== null) return Math.min(last, toInstant(signInEndsAt).getTime());
    const replaced = replacedAt === null ? 0 : toInstant(replacedAt).getTime() + REPLACE_MS;
    return replaced > now.getTime() ? replaced : null;
  }

  /** Tells the application as soon as it has room for another request. */
  private tell(row: DueRow): void {
    const queue = this.queues.get(row.clientId) ?? { running: 0, waiting: new Map<string, DueRow>() };
    this.queues.set(row.clientId, queue);
    queue.waiting.set(row.id, row);
    this.serve(row.clientId, queue);
  }

  private serve(clientId: string, queue: Queue): void {
    for (const [id, row] of queue.waiting) {
      if (queue.running >= MAX_REQUESTS_TO_ONE || this.timer === undefined) return;
      queue.waiting.delete(id);
      queue.running++;
      const attempt = this.attempt(row, row.uri!)
        .catch((error: unknown) => this.logger.error(`Could not tell an application of a logout. ${String(error)}`))
        .finally(() => {
          this.attempts.delete(attempt);
          queue.running--;
          this.serve(clientId, queue);
        });
      this.attempts.add(attempt);
    }
    if (queue.running > 0) return;
    this.queues.delete(clientId);
    // There may be more than were read at once.
    this.wake();
  }

  private async attempt(row: DueRow, uri: string): Promise<void> {
    const now = this.clock.now();
    const lease = addSeconds(now, LEASE_SECONDS).getTime();
    const [claim] = await this.database.write<{ attempts: number; endedAt: number | string }>(CLAIM, [
      row.id,
      Number(row.nextAt),
      lease,
      now.getTime(),
    ]);
    if (!claim) return;
    try {
      await this.send(row, uri);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      await this.settleFailure(row, lease, claim, error.message);
      return;
    }
    await this.database.write(CONFIRM, [row.id]);
  }

  private async send({ clientId, userId, sid, namesSession, algorithm }: DueRow, uri: string): Promise<void> {
    const token = await this.tokens.sign({ clientId, userId, sid: namesSession ? sid : null, algorithm });
    await guardedRequest(uri, CONFIRMED, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ logout_token: token }).toString(),
      timeoutMs: REQUEST_SECONDS * 1000,
      isAllowed: (address) => this.allowedNetworks.includes(address),
    });
  }

  private async settleFailure(
    row: DueRow,
    lease: number,
    { attempts, endedAt }: { attempts: number; endedAt: number | string },
    message: string,
  ): Promise<void> {
    const error = message.slice(0, 255);
    const nextAt = addSeconds(this.clock.now(), Math.min(2 ** (attempts - 1), MAX_PAUSE_SECONDS));
    if (nextAt <= addSeconds(fromMilliseconds(endedAt), RETRY_SECONDS)) {
      await this.database.write(RETRY, [row.id, lease, nextAt.getTime(), error]);
      return;
    }
    await this.database.transaction(async (db) => {
      const [givenUp] = await this.database.within(db, GIVE_UP, [row.id, lease, error]);
      if (!givenUp) return;
      const { organizationId, userId, clientId, sessionId } = row;
      await this.audit.record(db, {
        event: 'LOGOUT_NOTICE_FAILED',
        organizationId,
        userId,
        by: null,
        tokenId: sessionId === null ? null : readLoginId(sessionId),
        details: { client: clientId },
      });
    });
  }
}
