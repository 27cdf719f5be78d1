import { LOGINS } from '../rights/grants.js';
import type { Statement } from '../database/statement.js';
import { LOGIN_COLUMNS } from './login-rows.js';
import { STARTED_AT } from './started-at.js';

const NUMBER = `(SELECT n."number" FROM "organization_numbers" n WHERE n."organization_id" = $1)`;

/** Tokens of an organization between two IDs: a range of `login_tokens_organization_idx`. */
export const FOLLOW_ISSUED: Statement = {
  name: 'follow_issued',
  sql: `SELECT ${LOGIN_COLUMNS} FROM ${LOGINS}
        WHERE t."organization_number" = ${NUMBER} AND t."id" > $2 AND t."id" < $3 AND d."is_imported" = FALSE
        ORDER BY t."id" LIMIT $4`,
};

/**
 * Sessions of an organization between two instants, found among those of all organizations: a range of
 * `sessions_created_idx`. The sum keeps PostgreSQL from reading all logins of the organization.
 */
export const FOLLOW_STARTED: Statement = {
  name: 'follow_started',
  sql: `SELECT ${LOGIN_COLUMNS}, s."created_at" AS "createdAt"
        FROM "sessions" s JOIN "login_tokens" t ON t."id" = s."id" JOIN "delegations" d ON d."id" = t."delegation_id"
        WHERE s."created_at" >= $2 AND s."created_at" < $4 AND (s."created_at" > $2 OR s."id" > $3)
          AND s."has_old_cookie" = FALSE AND t."organization_number" + 0 = ${NUMBER}
        ORDER BY s."created_at", s."id" LIMIT $5`,
};

/** The same sessions, found among the logins of the organization between two IDs. */
export const FOLLOW_STARTED_OF_LOGINS: Statement = {
  name: 'follow_started_of_logins',
  sql: `SELECT ${LOGIN_COLUMNS}, s."created_at" AS "createdAt" FROM ${LOGINS} JOIN "sessions" s ON s."id" = t."id"
        WHERE t."organization_number" = ${NUMBER} AND t."id" >= $2 AND t."id" < $3
          AND ${STARTED_AT} >= $4 AND ${STARTED_AT} < $5 AND s."has_old_cookie" = FALSE
        ORDER BY ${STARTED_AT}, s."id" LIMIT $6`,
};

/** Events that have rows of their own: a range of `audit_events_organization_idx`. */
export const FOLLOW_OTHERS: Statement = {
  name: 'follow_others',
  sql: `SELECT e."id", e."at", e."event", e."user_id" AS "userId", e."actor_id" AS "actorId", e."client_id" AS "clientId",
          e."group_id" AS "groupId", e."token_id" AS "tokenId", e."session_id" AS "sessionId", e."rule", e."details",
          e."request_id" AS "requestId"
        FROM "audit_events" e
        WHERE e."organization_id" = $1 AND (e."at", e."id") > ($2, $3) AND e."at" < $4
        ORDER BY e."at", e."id" LIMIT $5`,
};
