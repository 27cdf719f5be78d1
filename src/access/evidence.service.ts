import { Injectable } from '@nestjs/common';
import { Clock, toIso } from '../common/clock.js';
import { Database, fromMilliseconds, toInstant } from '../database/database.js';
import type { Statement } from '../database/statement.js';
import { managedGroups } from '../rights/grants.js';
import { isValidAt } from '../rights/period.js';
import type { Refusal } from './access.policy.js';
import type { ChangeDto, EvidenceDto, NamedDto } from './dto/explanation.dto.js';

/** An account in a question. */
export interface AccountFacts extends NamedDto {
  status: 'ACTIVE' | 'BLOCKED';
  organizationId: string | null;
  staffOrganizationId: string | null;
  /** Of a service account, the client through which it calls. */
  clientId: string | null;
}

/** What is to be explained, and how much of it may be said. */
export interface Question {
  caller: AccountFacts;
  client: NamedDto;
  /** `null` if there is none, or if the asker must not learn of them. */
  target: AccountFacts | null;
  isTrusted: boolean;
  seesRecord: boolean;
}

interface Gathered {
  evidence: EvidenceDto[];
  changes: ChangeDto[];
}

/** How many groups are named. */
const MAX_GROUPS = 5;
/** Among how many of the user's groups those are found through which the caller may let the user in. */
const MAX_ALLOWING = 1_000;
/** How many of an account's latest events are searched for the one that made a row. */
const MAX_EVENTS = 1_000;

/** The groups through which the caller may let the user in. */
const ALLOWING: Statement = {
  name: 'explain_allowing_groups',
  sql: `SELECT g."id", allowed."permission" FROM (
          SELECT m."group_id", CASE WHEN manages."user_id" IS NULL THEN 'MANAGE_ALL_GROUPS' ELSE 'MANAGE' END AS "permission"
          ${managedGroups({ caller: '$1', client: '$2', user: '$3', now: '$4' })}) allowed
        JOIN "groups" g ON g."id" = allowed."group_id" ORDER BY g."name", g."id" LIMIT ${MAX_GROUPS}`,
};

/** The user's groups in the caller's organization, with the caller's right on each. */
const GROUPS_OF_USER: Statement = {
  name: 'explain_groups_of_user',
  sql: `SELECT g."id", g."name", m."status", m."valid_from" AS "from", m."valid_until" AS "until",
               s."permission", s."valid_from" AS "rightFrom", s."valid_until" AS "rightUntil"
        FROM "memberships" m JOIN "groups" g ON g."id" = m."group_id"
        LEFT JOIN "group_staff" s ON s."user_id" = $2 AND s."group_id" = g."id"
        WHERE m."user_id" = $1 AND g."organization_id" = $3
        ORDER BY m."status" DESC, s."permission", g."name", g."id" LIMIT $4`,
};

const GROUPS_OF_CALLER: Statement = {
  name: 'explain_groups_of_caller',
  sql: `SELECT g."id", g."name" FROM "group_staff" s JOIN "groups" g ON g."id" = s."group_id"
        WHERE s."user_id" = $1 AND s."permission" = 'MANAGE' AND ${isValidAt('s', '$3')} AND g."organization_id" = $2
        ORDER BY g."name", g."id" LIMIT ${MAX_GROUPS}`,
};

const PERMISSIONS: Statement = {
  name: 'explain_permissions',
  sql: `SELECT p."permission", p."valid_from" AS "from", p."valid_until" AS "until"
        FROM "account_permissions" p WHERE p."user_id" = $1 ORDER BY p."permission"`,
};

/** The latest event that made a row what it is. */
const ORIGIN: Statement = {
  name: 'explain_origin',
  sql: `SELECT e."at", e."actor_id" AS "id", (SELECT u."name" FROM "users" u WHERE u."id" = e."actor_id") AS "name"
        FROM (SELECT r."id", r."at", r."event", r."actor_id", r."group_id", r."details" FROM "audit_events" r
              WHERE r."organization_id" = $1 AND r."user_id" = $2 ORDER BY r."at" DESC, r."id" DESC LIMIT ${MAX_EVENTS}) e
        WHERE e."event" IN ($3, $4) AND (CAST($5 AS varchar) IS NULL OR e."group_id" = $5)
          AND (CAST($6 AS varchar) IS NULL OR e."details" LIKE $6)
        ORDER BY e."at" DESC, e."id" DESC LIMIT 1`,
};

type Milliseconds = number | string | null;

/** When a row counts, in milliseconds since 1970. */
interface Span {
  from: Milliseconds;
  until: Milliseconds;
}

const ALWAYS: Span = { from: null, until: null };

type Permission = Span & { permission: string };
type Membership = NamedDto & Span & { status: 'JOINED' | 'INVITED' };
type Group = Membership & { permission: 'MANAGE' | 'VIEW' | null; rightFrom: Milliseconds; rightUntil: Milliseconds };

/** Finds the rows by which the access call decides, where they came from, and what would turn the decision. */
@Injectable()
export class EvidenceService {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  gather(question: Question, refusal: Refusal | null): Promise<Gathered> {
    switch (refusal?.rule) {
      case undefined:
        return this.ofAllowed(question);
      case 1:
        return this.ofBlockedCaller(question);
      case 3:
        return Promise.resolve(ofTarget(refusal));
      case 4:
        return this.ofCaller(question);
      case 5:
        return this.ofUser(question);
      case 6:
        return this.ofGroups(question);
      default:
        return this.ofPermissions(question);
    }
  }

  private async ofAllowed(question: Question): Promise<Gathered> {
    const { caller, client, target } = question;
    const parameters = [caller.id, client.id, target!.id, this.clock.now().getTime()];
    const allowing = await this.database.read<{ id: string; permission: string }>(ALLOWING, parameters);
    const groups = await this.groupsOf(question, MAX_ALLOWING);
    const held = await this.permissionsOf(caller);
    const evidence = allowing.flatMap(({ id, permission }) => {
      const group = groups.find((one) => one.id === id);
      if (!group) return [];
      const right =
        permission === 'MANAGE'
          ? this.groupRight(question, group)
          : this.permission(question, 6, caller, held, 'MANAGE_ALL_GROUPS');
      return [this.membership(question, group), right];
    });
    const found = [this.permission(question, 4, caller, held, 'OBTAIN_ACCESS_TOKENS'), ...evidence];
    return { evidence: withoutRepetitions(await Promise.all(found)), changes: [] };
  }

  private async ofBlockedCaller(question: Question): Promise<Gathered> {
    return this.ofBlocked(question, question.caller, 1, 'CALLER');
  }

  private async ofBlocked(
    question: Question,
    account: AccountFacts,
    rule: number,
    kind: 'CALLER' | 'USER',
  ): Promise<Gathered> {
    const named = nameOf(account);
    const origin = await this.originOf(question, account.id, ['ACCOUNT_BLOCKED']);
    return {
      evidence: [{ rule, kind, holds: false, description: `${account.name} is blocked.`, account: named, ...origin }],
      changes: [{ kind: 'UNBLOCK_ACCOUNT', description: `Unblock ${account.name}.`, account: named }],
    };
  }

  private async ofCaller(question: Question): Promise<Gathered> {
    const { caller } = question;
    const account = nameOf(caller);
    if (caller.staffOrganizationId === null)
      return {
        evidence: [
          {
            rule: 4,
            kind: 'STAFF',
            holds: false,
            description: `${caller.name} is on no organization’s staff.`,
            account,
          },
        ],
        changes: [
          {
            kind: 'APPOINT_STAFF',
            description: `Put ${caller.name} on the staff, with OBTAIN_ACCESS_TOKENS.`,
            account,
          },
        ],
      };
    const held = await this.permissionsOf(caller);
    return {
      evidence: [await this.permission(question, 4, caller, held, 'OBTAIN_ACCESS_TOKENS')],
      changes: [grant(caller, held, 'OBTAIN_ACCESS_TOKENS')],
    };
  }

  private async ofUser(question: Question): Promise<Gathered> {
    const { target } = question;
    return target?.status === 'BLOCKED' ? this.ofBlocked(question, target, 5, 'USER') : { evidence: [], changes: [] };
  }

  private async ofGroups(question: Question): Promise<Gathered> {
    const { caller, target } = question;
    const now = this.clock.now();
    const managed = await this.database.read<NamedDto>(GROUPS_OF_CALLER, [
      caller.id,
      caller.staffOrganizationId,
      now.getTime(),
    ]);
    const groups = await this.groupsOf(question, MAX_GROUPS);
    const evidence = groups.flatMap((group) => [this.membership(question, group), this.groupRight(question, group)]);
    const held = await this.permissionsOf(caller);
    const managesAll = held.some(({ permission }) => permission === 'MANAGE_ALL_GROUPS');
    if (managesAll && groups.length > 0) evidence.push(this.permission(question, 6, caller, held, 'MANAGE_ALL_GROUPS'));
    const isMember = groups.some((group) => group.status === 'JOINED' && stateOf(group, now) === 'counts');
    const others = managed.filter(({ id }) => !groups.some((group) => group.id === id));
    const changes = [
      ...groups.flatMap((group) => changesOf(caller, target!, group, now)),
      // It does not count now: with it, the caller could let in a member of any group.
      ...(managesAll && isMember ? [grant(caller, held, 'MANAGE_ALL_GROUPS')] : []),
      ...others.map((group) => addTo(target, group)),
    ];
    return {
      evidence: await Promise.all(evidence),
      changes: changes.length > 0 ? changes : [addTo(target, null)],
    };
  }

  private async groupsOf({ caller, target }: Question, limit: number): Promise<Group[]> {
    if (!target) return [];
    return this.database.read<Group>(GROUPS_OF_USER, [target.id, caller.id, caller.staffOrganizationId, limit]);
  }

  private async ofPermissions(question: Question): Promise<Gathered> {
    const { caller, target, isTrusted } = question;
    const own = await this.permissionsOf(caller);
    const turning = grant(caller, own, 'MANAGE_STAFF');
    if (!target || !isTrusted) return { evidence: [], changes: [turning] };
    const held = await this.permissionsOf(target);
    const sharesOrganization = caller.staffOrganizationId === target.staffOrganizationId;
    const lacking = this.countingNow(held).filter(
      (permission) => !sharesOrganization || !this.countingNow(own).includes(permission),
    );
    const evidence = lacking.map((permission) => this.permission(question, 7, target, held, permission));
    const [single] = lacking;
    return {
      evidence: await Promise.all(evidence),
      changes: [...(lacking.length === 1 && sharesOrganization ? [grant(caller, own, single!)] : []), turning],
    };
  }

  private permissionsOf({ id }: AccountFacts): Promise<Permission[]> {
    return this.database.read<Permission>(PERMISSIONS, [id]);
  }

  private countingNow(held: Permission[]): string[] {
    return held.filter((row) => stateOf(row, this.clock.now()) === 'counts').map(({ permission }) => permission);
  }

  private async permission(
    question: Question,
    rule: number,
    account: AccountFacts,
    held: Permission[],
    permission: string,
  ): Promise<EvidenceDto> {
    const row = held.find((one) => one.permission === permission);
    const origin = row ? await this.originOf(question, account.id, ['PERMISSION_GRANTED'], { permission }) : {};
    const description = `${account.name} ${row ? 'has' : 'does not have'} ${permission}.`;
    const evidence = { rule, kind: 'ACCOUNT_PERMISSION', account: nameOf(account), permission } as const;
    return { ...evidence, ...this.counting(row !== undefined, row ?? ALWAYS, description), ...origin };
  }

  private async groupRight(question: Question, group: Group): Promise<EvidenceDto> {
    const { caller } = question;
    const { permission } = group;
    const origin = permission
      ? await this.originOf(question, caller.id, ['GROUP_RIGHT_GRANTED'], { group: group.id })
      : {};
    const does = permission === 'MANAGE' ? 'manages' : permission ? 'may only see' : 'has no right on';
    return {
      rule: 6,
      kind: 'GROUP_RIGHT',
      account: nameOf(caller),
      group: nameOf(group),
      ...(permission && { permission }),
      ...this.counting(permission === 'MANAGE', rightOf(group), `${caller.name} ${does} ${group.name}.`),
      ...origin,
    };
  }

  private async membership(question: Question, group: Group): Promise<EvidenceDto> {
    const target = question.target!;
    const isMember = group.status === 'JOINED';
    const events = isMember ? ['MEMBER_JOINED', 'INVITATION_ACCEPTED'] : ['MEMBER_INVITED'];
    const origin = await this.originOf(question, target.id, events, { group: group.id });
    const description = isMember
      ? `${target.name} is a member of ${group.name}.`
      : `${target.name} is invited to ${group.name}, and has not accepted.`;
    const evidence = { rule: 6, kind: 'MEMBERSHIP', account: nameOf(target), group: nameOf(group) } as const;
    return { ...evidence, ...this.counting(isMember, group, description), ...origin };
  }

  /** Whether a row counts now, and what it says then, with its bounds. */
  private counting(
    isRight: boolean,
    span: Span,
    description: string,
  ): Pick<EvidenceDto, 'holds' | 'description' | 'validFrom' | 'validUntil'> {
    const state = stateOf(span, this.clock.now());
    const validFrom = span.from === null ? undefined : toIso(fromMilliseconds(span.from));
    const validUntil = span.until === null ? undefined : toIso(fromMilliseconds(span.until));
    const suffix = { counts: '', begins: ` That begins at ${validFrom}.`, ended: ` That ended at ${validUntil}.` }[
      state
    ];
    return {
      holds: isRight && state === 'counts',
      description: description + suffix,
      ...(validFrom && { validFrom }),
      ...(validUntil && { validUntil }),
    };
  }

  /** Since when and by whom, if the asker may read the record and it still says so. */
  private async originOf(
    { caller, seesRecord }: Question,
    userId: string,
    [event, other = '']: string[],
    { group = null, permission }: { group?: string | null; permission?: string } = {},
  ): Promise<Pick<EvidenceDto, 'since' | 'by'>> {
    if (!seesRecord) return {};
    const details = permission ? `%"permission":"${permission}"%` : null;
    const parameters = [caller.staffOrganizationId, userId, event!, other, group, details];
    const [found] = await this.database.read<{ at: Date | string; id: string | null; name: string | null }>(
      ORIGIN,
      parameters,
    );
    if (!found) return {};
    const { at, id, name } = found;
    return { since: toIso(toInstant(at)), ...(id !== null && name !== null && { by: { id, name } }) };
  }
}

function nameOf({ id, name }: NamedDto): NamedDto {
  return { id, name };
}

/** What makes a permission count that does not: it is given, or gets another period if it is in `held`. */
function grant({ id, name }: AccountFacts, held: Permission[], permission: string): ChangeDto {
  const isThere = held.some((one) => one.permission === permission);
  return {
    kind: isThere ? 'CHANGE_PERIOD' : 'GRANT_PERMISSION',
    description: isThere ? `Let the ${permission} of ${name} count now.` : `Give ${name} ${permission}.`,
    account: { id, name },
    permission,
  };
}

/** @param group `null` for any that the caller manages */
function addTo(target: AccountFacts | null, group: NamedDto | null): ChangeDto {
  return {
    kind: 'ADD_MEMBER',
    description: `Add ${target?.name ?? 'the user'} to ${group?.name ?? 'a group that the caller manages'}.`,
    ...(target && { account: nameOf(target) }),
    ...(group && { group: nameOf(group) }),
  };
}

function changesOf(caller: AccountFacts, target: AccountFacts, group: Group, now: Date): ChangeDto[] {
  const { name } = target;
  const manages = group.permission === 'MANAGE' && stateOf(rightOf(group), now) === 'counts';
  if (stateOf(group, now) !== 'counts')
    return manages
      ? [
          {
            kind: 'CHANGE_PERIOD',
            description: `Let the membership of ${name} in ${group.name} count now.`,
            account: nameOf(target),
            group: nameOf(group),
          },
        ]
      : [];
  if (group.status === 'INVITED')
    return manages
      ? [
          {
            kind: 'ACCEPT_INVITATION',
            description: `Let ${name} accept the invitation to ${group.name}.`,
            group: nameOf(group),
          },
        ]
      : [];
  const hasRight = group.permission === 'MANAGE';
  return [
    {
      kind: hasRight ? 'CHANGE_PERIOD' : 'GRANT_GROUP_RIGHT',
      description: hasRight
        ? `Let the right of ${caller.name} to manage ${group.name} count now.`
        : `Let ${caller.name} manage ${group.name}.`,
      account: nameOf(caller),
      group: nameOf(group),
      permission: 'MANAGE',
    },
  ];
}

function rightOf({ rightFrom, rightUntil }: Group): Span {
  return { from: rightFrom, until: rightUntil };
}

function stateOf({ from, until }: Span, now: Date): 'counts' | 'begins' | 'ended' {
  if (until !== null && fromMilliseconds(until) <= now) return 'ended';
  return from !== null && fromMilliseconds(from) > now ? 'begins' : 'counts';
}

function ofTarget({ error }: Refusal): Gathered {
  return {
    evidence: [{ rule: 3, kind: 'TARGET', holds: false, description: error.message }],
    changes: [
      { kind: 'CHANGE_PARAMETER', description: 'Register the origin for the client, or ask for another target.' },
    ],
  };
}

/** Several groups may count by one permission. */
function withoutRepetitions(evidence: EvidenceDto[]): EvidenceDto[] {
  return [...new Map(evidence.map((one) => [one.description, one])).values()];
}
