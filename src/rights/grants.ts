import { isValidAt } from './period.js';

/** Who lets whom in, through which client, and when (milliseconds since 1970), as SQL expressions. */
interface Parties {
  caller: string;
  client: string;
  user: string;
  now: string;
}

/**
 * The central rule of the service as the end of a SELECT (docs/api.md, section 4.2; the numbers are those of its
 * rules). It gives one row for each group through which `caller`, through `client`, may let `user` in, and no row if
 * they may not. Each argument is an SQL expression. The tables are named `caller`, `client`, `target` and `m`, the
 * membership.
 *
 * The statements that issue a token, redeem it and check a session all contain this rule, so that each decides by the
 * state at the time it runs.
 *
 * It joins by primary key only: PostgreSQL would hash the whole table for an EXISTS behind an OR. The group is asked for
 * in a subquery: either engine would start a join from the many groups of the organization, instead of the few
 * memberships of the target.
 */
export function grants(of: Parties): string {
  return `${managedGroups(of)}
      /* 7: a target with a permission that the caller lacks needs MANAGE_STAFF. Permissions count in their own
         organization only. */
      AND NOT EXISTS (
        SELECT 1 FROM "account_permissions" held
        LEFT JOIN "account_permissions" own ON own."user_id" = caller."id" AND own."permission" = held."permission"
          AND caller."staff_organization_id" = target."staff_organization_id" AND ${isValidAt('own', of.now)}
        LEFT JOIN "account_permissions" manages_staff ON manages_staff."user_id" = caller."id"
          AND manages_staff."permission" = 'MANAGE_STAFF' AND ${isValidAt('manages_staff', of.now)}
        WHERE held."user_id" = target."id" AND ${isValidAt('held', of.now)}
          AND own."user_id" IS NULL AND manages_staff."user_id" IS NULL)`;
}

/** Rules 1 to 6. A right counts only within its period. */
export function managedGroups(of: Parties): string {
  return `
    FROM "users" caller
    JOIN "clients" client ON client."id" = ${of.client}
    /* 4: the caller may obtain login tokens. */
    JOIN "account_permissions" may_obtain ON may_obtain."user_id" = caller."id" AND may_obtain."permission" = 'OBTAIN_ACCESS_TOKENS'
      AND ${isValidAt('may_obtain', of.now)}
    /* 5: the target can be let in. */
    JOIN "users" target ON target."id" = ${of.user} AND target."status" = 'ACTIVE' AND target."type" = 'USER'
    /* 6: the target has joined a group of the caller's organization … */
    JOIN "memberships" m ON m."user_id" = target."id" AND m."status" = 'JOINED' AND ${isValidAt('m', of.now)}
    /* … that the caller manages, as its staff or as groups administrator. VIEW is not enough. */
    LEFT JOIN "group_staff" manages ON manages."user_id" = caller."id" AND manages."group_id" = m."group_id" AND manages."permission" = 'MANAGE'
      AND ${isValidAt('manages', of.now)}
    LEFT JOIN "account_permissions" manages_all ON manages_all."user_id" = caller."id" AND manages_all."permission" = 'MANAGE_ALL_GROUPS'
      AND ${isValidAt('manages_all', of.now)}
    WHERE caller."id" = ${of.caller} AND caller."status" = 'ACTIVE'
      AND (SELECT g."organization_id" FROM "groups" g WHERE g."id" = m."group_id") = caller."staff_organization_id"
      AND (manages."user_id" IS NOT NULL OR manages_all."user_id" IS NOT NULL)`;
}

/** Login tokens, `t`, with the delegation that each came from, `d`. The conditions below are about such a row. */
export const LOGINS = `"login_tokens" t JOIN "delegations" d ON d."id" = t."delegation_id"`;

/** Whether the policy still allows the login token to whoever asked for it, at `now`. */
export function isAllowed(now: string): string {
  return `EXISTS (SELECT 1 ${grants({ caller: 'd."caller_id"', client: 'd."client_id"', user: 't."user_id"', now })})`;
}

/**
 * Whether a login token has not been revoked and the policy still allows it at `now`. The key is checked as well as the
 * token: on PostgreSQL, a revocation misses a token that is committed at the same moment.
 */
export function isGranted(now: string): string {
  return `t."revoked_at" IS NULL
    AND NOT EXISTS (SELECT 1 FROM "service_account_keys" k WHERE k."id" = d."key_id" AND k."revoked_at" IS NOT NULL)
    AND ${isAllowed(now)}`;
}

/** Whether the frame that a login token is for, if any, is still on a site of whoever let the user in. */
export const FRAME_IS_OWNED = isOwned('t."embed_origin"');

/** Whether the client's page that a login token leads to, if any, is still on a site of whoever let the user in. */
export const TARGET_IS_OWNED = isOwned('t."return_origin"');

/**
 * Whether the client has registered the origin and belongs to the organization on whose staff the caller is. A client
 * of another organization does not count.
 */
function isOwned(origin: string): string {
  return `(${origin} IS NULL OR EXISTS (
    SELECT 1 FROM "client_origins" o JOIN "users" staff ON staff."staff_organization_id" = o."organization_id"
    WHERE o."client_id" = d."client_id" AND o."origin" = ${origin} AND staff."id" = d."caller_id"))`;
}
