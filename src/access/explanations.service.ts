import { Injectable } from '@nestjs/common';
import type { Caller } from '../common/caller.js';
import { DomainError } from '../common/errors/errors.js';
import { parseUserRef, toNamingRef } from '../common/user-ref.js';
import type { NamingRef, UserRef } from '../common/user-ref.js';
import { Database } from '../database/database.js';
import type { Statement } from '../database/statement.js';
import { refParameters, statementsByRef } from '../schema/user-ref-sql.js';
import { UsersPolicy } from '../users/users.policy.js';
import { AccessPolicy } from './access.policy.js';
import type { Refusal } from './access.policy.js';
import { AccessService } from './access.service.js';
import type { ExplanationDto, ExplanationQueryDto, NamedDto } from './dto/explanation.dto.js';
import { EvidenceService } from './evidence.service.js';
import type { AccountFacts, Question } from './evidence.service.js';

const ACCOUNT = statementsByRef(
  'find_account_to_explain',
  ({ userId }) =>
    `SELECT u."id", u."name", u."status", u."organization_id" AS "organizationId", u."staff_organization_id" AS "staffOrganizationId",
            (SELECT s."client_id" FROM "service_accounts" s WHERE s."user_id" = u."id") AS "clientId"
     FROM "users" u WHERE u."id" = ${userId}`,
);

const CLIENT: Statement = {
  name: 'find_client_to_explain',
  sql: `SELECT c."id", c."name", c."organization_id" AS "organizationId" FROM "clients" c WHERE c."id" = $1`,
};

const ANY_CLIENT: Statement = {
  name: 'find_any_client_to_explain',
  sql: `SELECT c."id", c."name" FROM "clients" c WHERE c."organization_id" = $1 ORDER BY c."created_at", c."id" LIMIT 1`,
};

/** Whose call through which client is explained, and to whom. */
interface Setting {
  caller: AccountFacts;
  client: NamedDto;
  /** Whether the answer may say what the organization's administrators know. */
  isTrusted: boolean;
  /** Whether it may say what the record says. */
  seesRecord: boolean;
}

/**
 * Explains the access call (docs/api.md, section 4.4). The decision is that of the call itself: the same checks, by the
 * same statements, in the same order.
 */
@Injectable()
export class ExplanationsService {
  constructor(
    private readonly access: AccessService,
    private readonly policy: AccessPolicy,
    private readonly evidence: EvidenceService,
    private readonly users: UsersPolicy,
    private readonly database: Database,
  ) {}

  /**
   * Explains to `asker` a call for the user. @throws DomainError `not_permitted` about somebody else's calls without
   * `VIEW_AUDIT_LOG` or `MANAGE_STAFF`; `nonexistent_user` and `not_found` for a caller or client of another organization
   */
  async explain(asker: Caller, user: UserRef, query: ExplanationQueryDto): Promise<ExplanationDto> {
    return this.answer(await this.settingFor(asker, query), toNamingRef(asker, user), query);
  }

  /** Explains to the operator. @throws Error if there is no such account or client */
  async explainToOperator(
    ref: UserRef,
    user: UserRef,
    query: Omit<ExplanationQueryDto, 'caller'>,
  ): Promise<ExplanationDto> {
    const caller = ref.by === 'self' ? null : await this.accountOf(ref);
    if (!caller) throw new Error('There is no such caller.');
    const client = await this.clientOf(query.client ?? caller.clientId ?? '');
    if (query.client !== undefined && !client) throw new Error('There is no such client.');
    const any = client ?? (await this.anyClientOf(caller));
    return this.answer(
      { caller, client: any, isTrusted: true, seesRecord: true },
      toNamingRef({ userId: caller.id }, user),
      query,
    );
  }

  private async answer(
    { caller, client, isTrusted, seesRecord }: Setting,
    user: NamingRef,
    query: Pick<ExplanationQueryDto, 'returnTo' | 'embed'>,
  ): Promise<ExplanationDto> {
    const parties = { userId: caller.id, clientId: client.id };
    const refusal = await this.refusalOf(caller, parties, user, query);
    const target = refusal && !maySay(refusal, isTrusted) ? null : await this.accountOf(user);
    const question: Question = { caller, client, target: this.known(target, caller, refusal), isTrusted, seesRecord };
    const { evidence, changes } = await this.evidence.gather(question, refusal);
    return {
      verdict: refusal ? 'REFUSED' : 'ALLOWED',
      ...(refusal && { rule: refusal.rule, error: refusal.error.id }),
      description: refusal?.error.message ?? 'The caller may let the user in.',
      caller: { id: caller.id, name: caller.name },
      client: { id: client.id, name: client.name },
      ...(question.target && { user: { id: question.target.id, name: question.target.name } }),
      evidence,
      changes,
    };
  }

  /** What the access call would answer, or `null` if it would answer a token. */
  private async refusalOf(
    { status }: AccountFacts,
    caller: Caller,
    user: NamingRef,
    query: Pick<ExplanationQueryDto, 'returnTo' | 'embed'>,
  ): Promise<Refusal | null> {
    // The guard refuses a blocked caller before any other rule is checked.
    if (status !== 'ACTIVE') return { ...NOTHING, error: blocked(), rule: 1 };
    return (await this.access.faultOfTargets(caller, query)) ?? this.policy.decide(caller, user);
  }

  /** The user, unless the asker would learn of somebody whom the access call does not tell of. */
  private known(target: AccountFacts | null, caller: AccountFacts, refusal: Refusal | null): AccountFacts | null {
    if (!target || !refusal || refusal.rule > 6) return target;
    const isOwn = caller.staffOrganizationId !== null && target.organizationId === caller.staffOrganizationId;
    return isOwn || refusal.groupId !== null ? target : null;
  }

  private async settingFor(asker: Caller, { caller: named, client: clientId }: ExplanationQueryDto): Promise<Setting> {
    const organizationId = await this.users.staffOrganizationOf(asker);
    const seesRecord = organizationId !== null && (await this.users.hasPermission(asker.userId, 'VIEW_AUDIT_LOG'));
    const isTrusted =
      seesRecord || (organizationId !== null && (await this.users.hasPermission(asker.userId, 'MANAGE_STAFF')));
    const ref = named === undefined ? { by: 'self' as const } : parseUserRef(named);
    const caller = await this.accountOf(toNamingRef(asker, ref));
    if (caller?.id !== asker.userId) {
      if (!isTrusted) throw new DomainError('not_permitted', 'Only your own calls can be explained to you.');
      if (!caller || caller.staffOrganizationId !== organizationId)
        throw new DomainError('nonexistent_user', 'The organization has no such caller on its staff.');
    }
    const client = await this.clientOf(clientId ?? usualClientOf(caller!, asker));
    if (clientId !== undefined && clientId !== asker.clientId && !isTrusted)
      throw new DomainError('not_permitted', 'Only calls through your own client can be explained to you.');
    if (!client || (client.id !== asker.clientId && client.organizationId !== organizationId))
      throw new DomainError('not_found', 'The organization has no such client.');
    return { caller: caller!, client, isTrusted, seesRecord };
  }

  private async accountOf(ref: NamingRef): Promise<AccountFacts | null> {
    const [account] = await this.database.read<AccountFacts>(ACCOUNT[ref.by], refParameters(ref));
    return account ?? null;
  }

  private async clientOf(id: string): Promise<(NamedDto & { organizationId: string }) | null> {
    const [client] = await this.database.read<NamedDto & { organizationId: string }>(CLIENT, [id]);
    return client ?? null;
  }

  private async anyClientOf({ staffOrganizationId }: AccountFacts): Promise<NamedDto> {
    const [client] = await this.database.read<NamedDto>(ANY_CLIENT, [staffOrganizationId]);
    if (!client) throw new Error('The organization of the caller has no client. Name one with --client.');
    return client;
  }
}

/** A service account calls through its own client. Of a person it isn't known, so the asker's stands for it. */
function usualClientOf({ id, clientId }: AccountFacts, asker: Caller): string {
  return id === asker.userId ? asker.clientId : (clientId ?? asker.clientId);
}

const NOTHING = { organizationId: null, userId: null, groupId: null };

function blocked(): DomainError {
  return new DomainError('not_authenticated', 'The account of the caller is blocked.');
}

/** Whether the decision was about the user. Before that, nobody learns who exists. */
function maySay({ rule }: Refusal, isTrusted: boolean): boolean {
  return rule === 7 || (rule >= 5 && isTrusted);
}
