import { isGranted, frameIsOwned, targetIsOwned } from './grants.js';

/** Instants as SQL expressions. A session that was last used at or before `idleSince` is over. */
export interface Moment {
  now: string;
  idleSince: string;
}

/** Whether the session `s` has been neither ended nor reached its absolute lifetime. `s` is the table or its alias. */
export function hasNotEnded(s: string, now: string): string {
  return `${s}."ended_at" IS NULL AND ${s}."expires_at" > ${now}`;
}

/** Whether the session itself is still open: it has not ended and has not been idle for too long. */
function isOpen(s: string, { now, idleSince }: Moment): string {
  return `${hasNotEnded(s, now)} AND ${s}."last_seen_at" > ${idleSince}`;
}

/**
 * Whether the session `s` of the login token `t` is live. A session lives only as long as what it came from: the user,
 * the membership, the right of whoever let them in, the client, and the origin of its frame.
 */
export function isLive(s: string, t: string, moment: Moment): string {
  return `${isOpen(s, moment)} AND ${frameIsOwned(t)} AND ${isGranted(t)}`;
}

/** Whether the login token `t`, if it is unused, can still start a session. */
export function canStartSession(t: string, now: string): string {
  return `${t}."expires_at" > ${now} AND ${frameIsOwned(t)} AND ${targetIsOwned(t)} AND ${isGranted(t)}`;
}

/**
 * How a session ends and who ended it, as SQL expressions. `by` is NULL if the session's own user or browser ended it.
 */
interface End extends Moment {
  reason: string;
  by?: { user: string; client: string };
}

/**
 * An UPDATE that permanently ends the sessions for which `condition` holds. A session that was live until now gets the
 * reason, and a trigger records its end. A session that was over already gets no reason, because nobody has ended it;
 * but a longer idle time no longer revives it.
 */
export function endSessions(condition: string, { reason, by, ...moment }: End): string {
  const ifOpen = (value: string): string =>
    `CASE WHEN ${isOpen('"sessions"', moment)} THEN CAST(${value} AS varchar) END`;
  const ender = by ? `, "ended_by" = ${ifOpen(by.user)}, "ended_by_client_id" = ${ifOpen(by.client)}` : '';
  return `UPDATE "sessions" SET "ended_at" = ${moment.now}, "end_reason" = ${ifOpen(reason)}${ender}
          WHERE ${condition} AND "ended_at" IS NULL`;
}
