/**
 * What ends the record of a sign-in session, at the instant `now`. The record stays until it would have expired: a
 * request that read the session before then can't store it again.
 */
export function endsSession(now: string): string {
  return `"consumed_at" = ${now}, "account_id" = NULL, "payload" = '{}'`;
}

/** Whether a record is that of a sign-in session that has ended. */
export function hasEnded(record: string): string {
  return `${record}."kind" = 'Session' AND ${record}."consumed_at" IS NOT NULL`;
}
