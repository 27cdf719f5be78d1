import { firstLoginAt } from '../common/login-id.js';
import { addSeconds } from '../common/clock.js';
import { LONGEST_LOGIN_TOKEN_SECONDS } from '../config/settings.js';
import type { Settings } from '../config/settings.js';
import { FRAME_IS_OWNED, isGranted, TARGET_IS_OWNED } from './grants.js';

/** Sessions, `s`, with the login token, `t`, and the delegation, `d`, that each came from. */
export const SESSIONS = `"sessions" s JOIN "login_tokens" t ON t."id" = s."id" JOIN "delegations" d ON d."id" = t."delegation_id"`;

/**
 * The parameters that say which sessions are live. A session that was last used at or before `idleSince`, or whose login
 * began before `oldest`, is over.
 */
export interface Moment {
  now: number;
  idleSince: number;
  oldest: Buffer;
}

/** The same as SQL expressions. */
type MomentSql = Record<keyof Moment, string>;

export function momentAt(now: Date, settings: Settings): Moment {
  return {
    now: now.getTime(),
    idleSince: settings.idleSince(now).getTime(),
    oldest: firstLoginAt(addSeconds(now, -settings.SESSION_LIFETIME - LONGEST_LOGIN_TOKEN_SECONDS)),
  };
}

/** Whether the session is open: it has not ended and has not been idle for too long. `s` is the table or its alias. */
function isOpen(s: string, { now, idleSince, oldest }: MomentSql): string {
  return `${s}."ends_at" > ${now} AND ${s}."last_seen_at" > ${idleSince} AND ${s}."id" > ${oldest}`;
}

/**
 * Whether the session `s` is live. A session lives only as long as what it came from: the user, the membership, the
 * right of whoever let them in, the client, and the origin of its frame.
 */
export function isLive(moment: MomentSql): string {
  return `${isOpen('s', moment)} AND ${FRAME_IS_OWNED} AND ${isGranted(moment.now)}`;
}

/** Whether the login token, if it is unused, can still start a session. */
export function canStartSession(now: string): string {
  return `t."expires_at" > ${now} AND ${FRAME_IS_OWNED} AND ${TARGET_IS_OWNED} AND ${isGranted(now)}`;
}

/**
 * How a session ends, by which request and by whom, as SQL expressions. `by` is NULL if the session's own user or browser ended it.
 */
interface End extends MomentSql {
  reason: string;
  request: string;
  by?: { user: string; client: string };
}

/**
 * An UPDATE that permanently ends the sessions for which `condition` holds. A session that was live until now gets the
 * reason, and a trigger records its end. A session that was over already gets no reason, because nobody has ended it;
 * but a longer idle time no longer revives it.
 */
export function endSessions(condition: string, { reason, request, by, ...moment }: End): string {
  const ifOpen = (value: string): string =>
    `CASE WHEN ${isOpen('"sessions"', moment)} THEN CAST(${value} AS varchar) END`;
  const ender = by ? `, "ended_by" = ${ifOpen(by.user)}, "ended_by_client_id" = ${ifOpen(by.client)}` : '';
  return `UPDATE "sessions" SET "ends_at" = ${moment.now}, "end_reason" = ${ifOpen(reason)}, "ended_by_request_id" = ${ifOpen(request)}${ender}
          WHERE ${condition} AND "ends_at" > ${moment.now}`;
}
