import { isGranted, keepsFrame, keepsTarget } from './grants.js';

/** Instants as SQL expressions: a session that was last used up to `idleSince` is over. */
export interface Moment {
  now: string;
  idleSince: string;
}

/** Whether the session `s` has neither been ended nor reached the end of its absolute lifetime. `s` is the table or its alias. */
export function hasNotEnded(s: string, now: string): string {
  return `${s}."ended_at" IS NULL AND ${s}."expires_at" > ${now}`;
}

/** As far as the session itself says: it has not ended, and was not idle for too long. */
function isOpen(s: string, { now, idleSince }: Moment): string {
  return `${hasNotEnded(s, now)} AND ${s}."last_seen_at" > ${idleSince}`;
}

/**
 * Whether the session `s`, of the login token `t`, lives. A session lasts only as long as what it came from: with the user, the
 * membership, the right of whoever let them in, the client, or the origin of its frame gone, it is not live.
 */
export function isLive(s: string, t: string, moment: Moment): string {
  return `${isOpen(s, moment)} AND ${keepsFrame(t)} AND ${isGranted(t)}`;
}

/** Whether the login token `t` could still start a session, if it has started none. */
export function isGood(t: string, now: string): string {
  return `${t}."expires_at" > ${now} AND ${keepsFrame(t)} AND ${keepsTarget(t)} AND ${isGranted(t)}`;
}

/** How a session ends and who ended it, as SQL expressions. Nobody else ended one whose own browser or user did. */
interface End extends Moment {
  reason: string;
  by?: { user: string; client: string };
}

/**
 * An UPDATE that ends the sessions for which `condition` holds, for good. One that was live until now gets the reason, and so a
 * trigger records its end. One that was over gets no reason: nobody has ended it, but a longer idle time revives it no more.
 */
export function endSessions(condition: string, { reason, by, ...moment }: End): string {
  const ifOpen = (value: string): string =>
    `CASE WHEN ${isOpen('"sessions"', moment)} THEN CAST(${value} AS varchar) END`;
  const ender = by ? `, "ended_by" = ${ifOpen(by.user)}, "ended_by_client_id" = ${ifOpen(by.client)}` : '';
  return `UPDATE "sessions" SET "ended_at" = ${moment.now}, "end_reason" = ${ifOpen(reason)}${ender}
          WHERE ${condition} AND "ended_at" IS NULL`;
}
