import { Injectable } from '@nestjs/common';
import { invalidAccessToken } from '../http/challenge.js';
import type { Caller } from '../common/caller.js';
import { DomainError } from '../common/errors/errors.js';
import { Clock } from '../common/clock.js';
import { Database } from '../database/database.js';
import type { Statement } from '../database/statement.js';
import { refParameters, statementsByRef } from '../schema/user-ref-sql.js';
import { toNamingRef } from '../common/user-ref.js';
import type { NamingRef, UserRef } from '../common/user-ref.js';
import { managedGroups, grants } from '../rights/grants.js';
import { isValidAt } from '../rights/period.js';

/** Why a caller may not let somebody in. What it says of the user is for the audit record, never for the caller. */
export interface Refusal {
  error: DomainError;
  /** The number of the rule that refused (docs/api.md, section 4.2). */
  rule: number;
  /** The organization on whose staff the caller is, or else the one that manages the caller's account. */
  organizationId: string | null;
  userId: string | null;
  /** A group of the organization that the user belongs to and that the caller has no `MANAGE` right on. */
  groupId: string | null;
}

const CALLER: Statement = {
  name: 'explain_caller',
  sql: `SELECT (SELECT COALESCE(u."staff_organization_id", u."organization_id") FROM "users" u WHERE u."id" = $1) AS "organizationId",
               EXISTS (SELECT 1 FROM "users" u WHERE u."id" = $1) AS "exists",
               EXISTS (SELECT 1 FROM "clients" c WHERE c."id" = $2) AS "clientExists",
               EXISTS (SELECT 1 FROM "users" u JOIN "account_permissions" p ON p."user_id" = u."id" AND p."permission" = 'OBTAIN_ACCESS_TOKENS'
                         AND ${isValidAt('p', '$3')}
                       WHERE u."id" = $1 AND u."status" = 'ACTIVE' AND u."staff_organization_id" IS NOT NULL) AS "mayObtain"`,
};

const TARGET = statementsByRef(
  'explain_target',
  ({ userId }) =>
    `SELECT target."id", target."status", target."organization_id" AS "organizationId" FROM "users" target WHERE target."id" = ${userId}`,
);

const MEMBERSHIP: Statement = {
  name: 'explain_membership',
  sql: `SELECT g."id" FROM "memberships" m JOIN "groups" g ON g."id" = m."group_id"
        WHERE m."user_id" = $1 AND g."organization_id" = $2 ORDER BY m."status" DESC LIMIT 1`,
};

const MANAGED_GROUPS: Statement = {
  name: 'find_managed_groups',
  sql: `SELECT 1 AS "yes" ${managedGroups({ caller: '$1', client: '$2', user: '$3', now: '$4' })} LIMIT 1`,
};

/** The parameters are those of the reference, the caller, the client and now. */
const ALLOWS = statementsByRef('may_let_in', ({ userId, next }) => {
  const [caller, client, now] = [`$${next}`, `$${next + 1}`, `$${next + 2}`] as const;
  return `SELECT 1 AS "yes" ${grants({ caller, client, user: userId, now })} LIMIT 1`;
});

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

const accountOrClientIsGone = (): DomainError =>
  invalidAccessToken('The account or the client of the access token no longer exists.');
const mayNotObtain = (): DomainError =>
  new DomainError(
    'not_authorized',
    'The caller may not obtain access tokens: it is not active staff with the permission OBTAIN_ACCESS_TOKENS.',
  );
const sharesNoGroup = (): DomainError =>
  new DomainError('not_authorized', 'The user is not a member of a group that the caller administers.');
const lacksPermissionOfUser = (): DomainError =>
  new DomainError(
    'not_authorized',
    'The user has an account permission that the caller does not have. A caller with MANAGE_STAFF can let such users in.',
  );

/**
 * Explains refusals by the rule about who may let whom in (docs/api.md, section 4.2). The statement that acts makes the
 * decision itself, with `grants`; this class only says which rule refused.
 */
@Injectable()
export class AccessPolicy {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /**
   * Whether `caller` may let `ref` in now. A statement that acts must contain the rule itself, since this answer can be
   * out of date by then.
   */
  async allows(caller: Caller, ref: NamingRef): Promise<boolean> {
    const parameters = [...refParameters(ref), caller.userId, caller.clientId, this.now()];
    return (await this.database.read(ALLOWS[ref.by], parameters)).length > 0;
  }

  /** The organization on whose staff the caller is, or else the one that manages the caller's account. */
  async organizationOf(caller: Caller): Promise<string | null> {
    return (await this.factsOf(caller)).organizationId;
  }

  /** Why `caller` may not let `ref` in now, or `null` if they may. */
  async decide(caller: Caller, ref: NamingRef): Promise<Refusal | null> {
    return (await this.allows(caller, ref)) ? null : this.explain(caller, ref);
  }

  /**
   * Why `caller` may not let `ref` in. The rules are checked in order, so that a caller without the permission does not
   * learn who exists.
   */
  async explain(caller: Caller, ref: UserRef): Promise<Refusal> {
    const facts = await this.factsOf(caller);
    const { organizationId } = facts;
    const known = { organizationId, userId: null, groupId: null };
    const refusal = refusalOf(facts);
    if (refusal) return refusal;
    const named = toNamingRef(caller, ref);
    const [target] = await this.database.read<TargetFacts>(TARGET[named.by], refParameters(named));
    const [group] = await this.database.read<{ id: string }>(MEMBERSHIP, [target?.id ?? '', organizationId]);
    // Unless the caller may know of the account, the record does not name it: otherwise the record would reveal the
    // names of accounts elsewhere.
    const isKnown = named.by === 'id' || group !== undefined || target?.organizationId === organizationId;
    const userId = isKnown ? (target?.id ?? null) : null;
    if (target?.status !== 'ACTIVE') return { error: new DomainError('unknown_user'), rule: 5, ...known, userId };
    if ((await this.database.read(MANAGED_GROUPS, [caller.userId, caller.clientId, target.id, this.now()])).length > 0)
      return { error: lacksPermissionOfUser(), rule: 7, organizationId, userId, groupId: null };
    return { error: sharesNoGroup(), rule: 6, organizationId, userId, groupId: group?.id ?? null };
  }

  /** Why `caller` may let nobody in, or `null` if they may let somebody in. */
  async explainCaller(caller: Caller): Promise<Refusal | null> {
    return refusalOf(await this.factsOf(caller));
  }

  private async factsOf({ userId, clientId }: Caller): Promise<CallerFacts> {
    const [facts] = await this.database.read<CallerFacts>(CALLER, [userId, clientId, this.now()]);
    return facts!;
  }

  private now(): number {
    return this.clock.now().getTime();
  }
}

/** The refusals that depend on the caller alone: rules 1 and 4. */
function refusalOf({ organizationId, exists, clientExists, mayObtain }: CallerFacts): Refusal | null {
  const known = { organizationId, userId: null, groupId: null };
  if (!exists || !clientExists) return { error: accountOrClientIsGone(), rule: 1, ...known };
  return mayObtain ? null : { error: mayNotObtain(), rule: 4, ...known };
}
