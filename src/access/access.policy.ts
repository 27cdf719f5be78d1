import { Injectable } from '@nestjs/common';
import { invalidAccessToken } from '../auth/challenge.js';
import type { Caller } from '../auth/caller.js';
import { DomainError } from '../common/errors/errors.js';
import { Database } from '../database/database.js';
import type { Parameter, Statement } from '../database/statement.js';
import type { UserRef } from '../users/user-ref.js';

/** Who lets whom in, by way of what, as SQL expressions. */
interface Parties {
  caller: string;
  client: string;
  user: string;
}

/**
 * The rule of the whole service, as the end of a SELECT: a row for each group through which `caller`,
 * by way of `client`, may let `user` in; none if they may not. Each argument is an SQL expression. The
 * rows are named `caller`, `client`, `target`, `m` and `g`. The numbers are the rules of API.md, section 2; the seventh is of section 8.
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
function administers(of: Parties): string {
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

/** A login token of the table, in SQL: a table or its alias. */
type TokenSql = string;

/**
 * Whether an origin is one to which `caller`, by way of `client`, may lead users: the client has it, and it belongs to the
 * organization on whose staff the caller is. Whoever signs in with a client of another organization leads nobody there.
 */
function leadsTo(of: { caller: string; client: string; origin: string }): string {
  return `EXISTS (SELECT 1 FROM "client_origins" o JOIN "users" staff ON staff."staff_organization_id" = o."organization_id"
                  WHERE o."client_id" = ${of.client} AND o."origin" = ${of.origin} AND staff."id" = ${of.caller})`;
}

/** Whether the frame that a login token is for, if it is for one, is still on a site of whoever let the user in. */
export function keepsFrame(t: TokenSql): string {
  return keeps(t, 'embed_origin');
}

/** The same of the page to which the token leads. */
export function keepsTarget(t: TokenSql): string {
  return keeps(t, 'return_origin');
}

function keeps(t: TokenSql, column: string): string {
  const origin = `${t}."${column}"`;
  return `(${origin} IS NULL OR ${leadsTo({ caller: `${t}."caller_id"`, client: `${t}."client_id"`, origin })})`;
}

type RefKind = 'id' | 'emailAddress' | 'thirdPartyId';

/** A user reference as an SQL expression, and the number of the first parameter that it leaves free. */
export const TARGET_SQL: Record<RefKind, { user: string; next: number }> = {
  id: { user: '$1', next: 2 },
  emailAddress: { user: `(SELECT e."user_id" FROM "email_addresses" e WHERE e."address" = $1)`, next: 2 },
  thirdPartyId: {
    user: `(SELECT t."user_id" FROM "third_party_ids" t WHERE t."third_party" = $1 AND t."external_id" = $2)`,
    next: 3,
  },
};

/** Which of the statements for a reference to use, and the first of its parameters. */
export function targetOf(caller: Caller, ref: UserRef): { kind: RefKind; parameters: Parameter[] } {
  switch (ref.by) {
    case 'self':
      return { kind: 'id', parameters: [caller.userId] };
    case 'id':
      return { kind: 'id', parameters: [ref.id] };
    case 'emailAddress':
      return { kind: 'emailAddress', parameters: [ref.address] };
    case 'thirdPartyId':
      return { kind: 'thirdPartyId', parameters: [ref.thirdParty, ref.id] };
  }
}

/** Why somebody may not be let in. What is known of the user is for the record, not for the caller. */
export interface Refusal {
  error: DomainError;
  /** The number of the rule in API.md, section 2. */
  rule: number;
  /** On whose staff the caller is, or else who manages the caller's account. */
  organizationId: string | null;
  userId: string | null;
  /** A group of the organization that the user is in, on which the caller lacks `MANAGE`. */
  groupId: string | null;
}

const CALLER: Statement = {
  name: 'explain_caller',
  sql: `SELECT (SELECT COALESCE(u."staff_organization_id", u."organization_id") FROM "users" u WHERE u."id" = $1) AS "organizationId",
               EXISTS (SELECT 1 FROM "users" u WHERE u."id" = $1) AS "exists",
               EXISTS (SELECT 1 FROM "clients" c WHERE c."id" = $2) AS "clientExists",
               EXISTS (SELECT 1 FROM "users" u JOIN "account_permissions" p ON p."user_id" = u."id" AND p."permission" = 'OBTAIN_ACCESS_TOKENS'
                       WHERE u."id" = $1 AND u."status" = 'ACTIVE' AND u."staff_organization_id" IS NOT NULL) AS "mayObtain"`,
};

const TARGET = Object.fromEntries(
  Object.entries(TARGET_SQL).map(([kind, { user }]) => [
    kind,
    {
      name: `explain_target_${kind}`,
      sql: `SELECT target."id", target."status", target."organization_id" AS "organizationId" FROM "users" target WHERE target."id" = ${user}`,
    },
  ]),
) as Record<RefKind, Statement>;

const MEMBERSHIP: Statement = {
  name: 'explain_membership',
  sql: `SELECT g."id" FROM "memberships" m JOIN "groups" g ON g."id" = m."group_id"
        WHERE m."user_id" = $1 AND g."organization_id" = $2 ORDER BY m."status" DESC LIMIT 1`,
};

const ADMINISTERS: Statement = {
  name: 'explain_administration',
  sql: `SELECT 1 AS "yes" ${administers({ caller: '$1', client: '$2', user: '$3' })} LIMIT 1`,
};

const ALLOWS: Statement = {
  name: 'may_let_in',
  sql: `SELECT 1 AS "yes" ${grants({ caller: '$1', client: '$2', user: '$3' })} LIMIT 1`,
};

interface TargetFacts {
  id: string;
  status: string;
  organizationId: string | null;
}

interface CallerFacts {
  organizationId: string | null;
  exists: unknown;
  clientExists: unknown;
  mayObtain: unknown;
}

const gone = (): DomainError => invalidAccessToken('The account or the client of the access token is gone.');
const mayNotObtain = (): DomainError =>
  new DomainError(
    'not_authorized',
    'The caller may not obtain access tokens: it is not active staff with the permission OBTAIN_ACCESS_TOKENS.',
  );
const noGroup = (): DomainError =>
  new DomainError('not_authorized', 'The user has joined no group that the caller administers.');
const outranked = (): DomainError =>
  new DomainError(
    'not_authorized',
    'The user has an account permission that the caller lacks. A caller with MANAGE_STAFF may let such users in.',
  );

/**
 * Who may let whom in (API.md, section 2). The decision is made by the statement that acts on it, with
 * `grants`; this class says which of the rules refused.
 */
@Injectable()
export class AccessPolicy {
  constructor(private readonly database: Database) {}

  /** At this moment. What acts on the answer in a statement of its own has the rule in that. */
  async allows(caller: Caller, userId: string): Promise<boolean> {
    return (await this.database.read(ALLOWS, [caller.userId, caller.clientId, userId])).length > 0;
  }

  /** On whose staff the caller is, or else who manages the caller's account. */
  async organizationOf(caller: Caller): Promise<string | null> {
    return (await this.factsOf(caller)).organizationId;
  }

  /**
   * Why `caller` may not let `ref` in, in the order of the rules: whoever lacks the permission learns
   * nothing about who exists.
   */
  async explain(caller: Caller, ref: UserRef): Promise<Refusal> {
    const facts = await this.factsOf(caller);
    const { organizationId } = facts;
    const known = { organizationId, userId: null, groupId: null };
    const refusal = refusalOf(facts);
    if (refusal) return refusal;
    const { kind, parameters } = targetOf(caller, ref);
    const [target] = await this.database.read<TargetFacts>(TARGET[kind], parameters);
    const [group] = await this.database.read<{ id: string }>(MEMBERSHIP, [target?.id ?? '', organizationId]);
    // By the record, nobody finds out what an account elsewhere is called.
    const isKnown = kind === 'id' || group !== undefined || target?.organizationId === organizationId;
    const userId = isKnown ? (target?.id ?? null) : null;
    if (target?.status !== 'ACTIVE') return { error: new DomainError('unknown_user'), rule: 5, ...known, userId };
    if ((await this.database.read(ADMINISTERS, [caller.userId, caller.clientId, target.id])).length > 0)
      return { error: outranked(), rule: 7, organizationId, userId, groupId: null };
    return { error: noGroup(), rule: 6, organizationId, userId, groupId: group?.id ?? null };
  }

  /** Why `caller` may let nobody in; `null` if they may let somebody in. */
  async explainCaller(caller: Caller): Promise<Refusal | null> {
    return refusalOf(await this.factsOf(caller));
  }

  private async factsOf({ userId, clientId }: Caller): Promise<CallerFacts> {
    const [facts] = await this.database.read<CallerFacts>(CALLER, [userId, clientId]);
    return facts!;
  }
}

/** What has to do with the caller alone: rules 1 and 4. */
function refusalOf({ organizationId, exists, clientExists, mayObtain }: CallerFacts): Refusal | null {
  const known = { organizationId, userId: null, groupId: null };
  if (!exists || !clientExists) return { error: gone(), rule: 1, ...known };
  return mayObtain ? null : { error: mayNotObtain(), rule: 4, ...known };
}
