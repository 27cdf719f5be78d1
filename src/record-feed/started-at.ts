/**
 * When the session `s` started, for statements that find sessions by their logins. The sum keeps PostgreSQL from the
 * index of that column: it would read the sessions of everybody.
 */
export const STARTED_AT = `(s."created_at" + 0)`;
