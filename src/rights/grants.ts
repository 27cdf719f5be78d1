/** Who lets whom in, by way of what, as SQL expressions. */
interface Parties {
  caller: string;
  client: string;
  user: string;
}

/**
 * The rule of the whole service, as the end of a SELECT: a row for each group through which `caller`,
 * by way of `client`, may let `user` in; none if they may not. Each argument is an SQL expression. The
 * rows are named `caller`, `client`, `target`, `m` and `g`. The numbers are the rules of docs/api.md, section 4.2.
 *
 * The statement that issues a token, the one that redeems it and the one that checks a session all
 * contain it, so that each of them decides by what is true when it runs.
 *
 * Joins by primary key only: of an EXISTS behind an OR, PostgreSQL makes a hash of the whole table. CROSS JOIN
 * because it tells SQLite to come from the memberships of the target, few, and not from the groups of the organization.
 */
export function grants(of: Parties): string {
  return `${administers(of)}
      /* 7: whoever may do something that the caller may not is let in with MANAGE_STAFF alone. A permission of one
         organization is none of another. */
      AND NOT EXISTS (
        SELECT 1 FROM "account_permissions" held
        LEFT JOIN "account_permissions" own ON own."user_id" = caller."id" AND own."permission" = held."permission"
          AND caller."staff_organization_id" = target."staff_organization_id"
        LEFT JOIN "account_permissions" manages_staff ON manages_staff."user_id" = caller."id"
          AND manages_staff."permission" = 'MANAGE_STAFF'
        WHERE held."user_id" = target."id" AND own."user_id" IS NULL AND manages_staff."user_id" IS NULL)`;
}

/** The rules up to the sixth. */
export function administers(of: Parties): string {
  return `
    FROM "users" caller
    JOIN "clients" client ON client."id" = ${of.client}
    /* 4: the caller may obtain login tokens at all. */
    JOIN "account_permissions" may_obtain ON may_obtain."user_id" = caller."id" AND may_obtain."permission" = 'OBTAIN_ACCESS_TOKENS'
    /* 5: the target can be let in. */
    JOIN "users" target ON target."id" = ${of.user} AND target."status" = 'ACTIVE' AND target."type" = 'USER'
    /* 6: it has joined a group of the caller's organization … */
    JOIN "memberships" m ON m."user_id" = target."id" AND m."status" = 'JOINED'
    CROSS JOIN "groups" g
    /* … that the caller administers, directly or as groups administrator. VIEW is not enough. */
    LEFT JOIN "group_staff" manages ON manages."user_id" = caller."id" AND manages."group_id" = g."id" AND manages."permission" = 'MANAGE'
    LEFT JOIN "account_permissions" manages_all ON manages_all."user_id" = caller."id" AND manages_all."permission" = 'MANAGE_ALL_GROUPS'
    WHERE caller."id" = ${of.caller} AND caller."status" = 'ACTIVE'
      AND g."id" = m."group_id" AND g."organization_id" = caller."staff_organization_id"
      AND (manages."user_id" IS NOT NULL OR manages_all."user_id" IS NOT NULL)`;
}

/** Whether nobody has revoked a login token, and the policy still allows it. `t` is the table or its alias. */
export function isGranted(t: string): string {
  return `${t}."revoked_at" IS NULL AND ${isAllowed(t)}`;
}

/** Whether the policy would still let whoever asked for a login token have it. */
export function isAllowed(t: string): string {
  return `EXISTS (SELECT 1 ${grants({ caller: `${t}."caller_id"`, client: `${t}."client_id"`, user: `${t}."user_id"` })})`;
}

/**
 * Whether an origin is one to which `caller`, by way of `client`, may lead users: the client has it, and it belongs to the
 * organization on whose staff the caller is. Whoever signs in with a client of another organization leads nobody there.
 */
function leadsTo(of: { caller: string; client: string; origin: string }): string {
  return `EXISTS (SELECT 1 FROM "client_origins" o JOIN "users" staff ON staff."staff_organization_id" = o."organization_id"
                  WHERE o."client_id" = ${of.client} AND o."origin" = ${of.origin} AND staff."id" = ${of.caller})`;
}

/** Whether the frame that a login token is for, if it is for one, is still on a site of whoever let the user in. */
export function keepsFrame(t: string): string {
  return keeps(t, 'embed_origin');
}

/** Whether the page of the client to which a login token leads, if it leads to one, is still on a site of whoever let the user in. */
export function keepsTarget(t: string): string {
  return keeps(t, 'return_origin');
}

function keeps(t: string, column: string): string {
  const origin = `${t}."${column}"`;
  return `(${origin} IS NULL OR ${leadsTo({ caller: `${t}."caller_id"`, client: `${t}."client_id"`, origin })})`;
}
