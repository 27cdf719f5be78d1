import { Injectable } from '@nestjs/common';
import { addSeconds, Clock } from '../common/clock.js';
import { newId } from '../common/id.js';
import { toBytes } from '../common/login-id.js';
import { Database } from '../database/database.js';
import type { Statement } from '../database/statement.js';

/** A session that signs its user in to an application. Exactly one of `sessionId` and `signInUid` is there. */
export interface SignedInApplication {
  clientId: string;
  userId: string;
  /** The session of a login token. */
  sessionId?: string;
  /** The `uid` of a sign-in session. */
  signInUid?: string;
  /** The claim `sid` by which the application knows the session. */
  sid: string;
}

/**
 * Seconds after which a new row is looked at. A transaction that ends the session at the same moment may not see the row
 * yet, so its trigger does nothing; but by then it has been committed, because it may take 5 s.
 */
const FIRST_CHECK_SECONDS = 10;

/** A row that exists already is live again: the application has just been given a code. */
function recording(name: string, of: 'session_id' | 'sign_in_uid'): Statement {
  return {
    name,
    sql: `INSERT INTO "application_sessions" ("id", "client_id", "user_id", "${of}", "sid", "state", "created_at", "next_at")
          VALUES ($1, $2, $3, $4, $5, 'LIVE', $6, $7)
          ON CONFLICT ("${of}", "client_id") WHERE "${of}" IS NOT NULL DO UPDATE SET "user_id" = excluded."user_id", "sid" = excluded."sid",
            "state" = 'LIVE', "next_at" = excluded."next_at", "attempts" = 0, "last_attempt_at" = NULL, "ended_at" = NULL, "last_error" = NULL`,
    isRepeatable: true,
  };
}

const RECORD_SESSION = recording('record_application_of_session', 'session_id');
const RECORD_SIGN_IN = recording('record_application_of_sign_in', 'sign_in_uid');

/** Which applications a session has signed its user in to. */
@Injectable()
export class ApplicationSessionsService {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /**
   * Records that a session signs its user in to an application, before the application gets its code. The application
   * is told when the session ends. Recording it again changes nothing but the time of the next look.
   */
  async record({ clientId, userId, sessionId, signInUid, sid }: SignedInApplication): Promise<void> {
    const now = this.clock.now();
    const statement = sessionId ? RECORD_SESSION : RECORD_SIGN_IN;
    const of = sessionId ? toBytes(sessionId) : signInUid!;
    const nextAt = addSeconds(now, FIRST_CHECK_SECONDS).getTime();
    await this.database.write(statement, [newId(), clientId, userId, of, sid, now.getTime(), nextAt]);
  }
}
