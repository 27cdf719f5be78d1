import type { IncomingMessage } from 'node:http';
import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import type { Caller } from '../common/caller.js';
import { toIso, toNumericDate } from '../common/clock.js';
import { isOrigin } from '../common/origin.js';
import { DomainError } from '../common/errors/errors.js';
import { Settings } from '../config/settings.js';
import { ClientsService } from '../clients/clients.service.js';
import { inSpan } from '../telemetry/spans.js';
import { TokensService } from '../tokens/tokens.service.js';
import type { UserRef } from '../common/user-ref.js';
import { AccessPolicy } from './access.policy.js';
import type { Refusal } from './access.policy.js';
import type { AccessQueryDto } from './dto/access-query.dto.js';
import type { AccessDto } from './dto/access.dto.js';
import { LoginTokensService } from './login-tokens.service.js';
import type { NewLoginToken } from './login-tokens.service.js';
import { isLegalReturnTo } from './return-to.js';

/** Issues login tokens (docs/api.md, section 4). */
@Injectable()
export class AccessService {
  /** Calls that were begun before the framework got their request. */
  readonly begun = new WeakMap<IncomingMessage, Promise<AccessDto>>();

  constructor(
    private readonly policy: AccessPolicy,
    private readonly loginTokens: LoginTokensService,
    private readonly clients: ClientsService,
    private readonly tokens: TokensService,
    private readonly audit: AuditService,
    private readonly settings: Settings,
  ) {}

  /**
   * Issues a login token. @throws DomainError `incorrect_field`, `not_authenticated`, `not_authorized`, `unknown_user`,
   * in this order
   */
  issue(caller: Caller, ref: UserRef, query: AccessQueryDto): Promise<AccessDto> {
    return inSpan(
      'latchkey access call',
      () => this.issueFor(caller, ref, query),
      () => 'issued',
    );
  }

  private async issueFor(caller: Caller, ref: UserRef, query: AccessQueryDto): Promise<AccessDto> {
    await this.requireLegalTargets(caller, query);
    const token = await this.record(caller, ref, query);
    const jwt = await this.sign(caller, token);
    const origin = this.origin(this.isForHttps(query));
    return { token: jwt, url: `${origin}/login?token=${jwt}`, expires: toIso(token.expiresAt) };
  }

  /**
   * The `jti` of an access token that can start one session, like a login token (docs/api.md, section 12.5).
   *
   * @throws DomainError `not_authenticated`, `not_authorized`, `unknown_user`
   */
  async issueId(caller: Caller, userId: string): Promise<string> {
    const { id } = await this.record(caller, { by: 'id', id: userId }, {});
    return id;
  }

  private async record(caller: Caller, ref: UserRef, query: AccessQueryDto): Promise<NewLoginToken> {
    const { returnTo, embed, delivery = 'redirect', session = 'keep' } = query;
    const token = await this.loginTokens.record(caller, ref, {
      secure: this.isForHttps(query),
      returnTo: returnTo ?? null,
      returnOrigin: this.clientOriginOf(returnTo),
      embedOrigin: embed === undefined || embed === NO_EMBED ? null : embed,
      embedsByDefault: embed === undefined && this.settings.allowsSecureCookies,
      delivery,
      existingSession: session,
    });
    if (!token) throw await this.refusal(caller, ref);
    // Before the answer: a token whose reason could not be recorded is never handed out.
    if (query.reason !== undefined) await this.recordReason(caller, token, query.reason);
    return token;
  }

  private async recordReason(by: Caller, { id: tokenId, userId }: NewLoginToken, text: string): Promise<void> {
    const organizationId = await this.policy.organizationOf(by);
    await this.audit.write({ event: 'ACCESS_REASON_GIVEN', organizationId, userId, by, tokenId, details: { text } });
  }

  private isForHttps({ security }: AccessQueryDto): boolean {
    return security === 'ssl' || this.settings.isHttps;
  }

  /** Checks the caller before any user is looked up. @throws DomainError `not_authenticated`, `not_authorized` */
  async requireMayObtainTokens(caller: Caller): Promise<void> {
    const refusal = await this.policy.explainCaller(caller);
    if (refusal) throw await this.recordRefusal(caller, refusal);
  }

  /**
   * Checks that the caller may let the user in, where no login token is issued. @throws DomainError
   * `not_authenticated`, `not_authorized`, `unknown_user`
   */
  async requireMayLetIn(caller: Caller, userId: string): Promise<void> {
    const ref = { by: 'id', id: userId } as const;
    if (!(await this.policy.allows(caller, ref))) throw await this.refusal(caller, ref);
  }

  /** Records the policy's refusal and returns its error. */
  private async refusal(caller: Caller, ref: UserRef): Promise<DomainError> {
    return this.recordRefusal(caller, await this.policy.explain(caller, ref));
  }

  private async recordRefusal(caller: Caller, { error, organizationId, ...about }: Refusal): Promise<DomainError> {
    if (organizationId)
      await this.audit.refuse({
        event: 'ACCESS_REFUSED',
        organizationId,
        ...about,
        by: caller,
        details: { reason: error.id },
      });
    return error;
  }

  /**
   * Refuses targets that are not on the client's list. The refusal is recorded, because the list is the organization's
   * decision. No user has been looked up yet.
   */
  private async requireLegalTargets(caller: Caller, query: AccessQueryDto): Promise<void> {
    const refusal = await this.faultOfTargets(caller, query);
    if (refusal) throw await this.recordRefusal(caller, refusal);
  }

  /** Why the targets of a login are refused, or `null` if they are on the client's list. */
  async faultOfTargets(
    caller: Caller,
    { returnTo, embed }: Pick<AccessQueryDto, 'returnTo' | 'embed'>,
  ): Promise<Refusal | null> {
    try {
      if (returnTo !== undefined) await this.requireLegalReturnTo(caller, returnTo);
      if (embed !== undefined && embed !== NO_EMBED) await this.requireLegalEmbed(caller, embed);
      return null;
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      const organizationId = await this.policy.organizationOf(caller);
      return { error, rule: 3, organizationId, userId: null, groupId: null };
    }
  }

  private async requireLegalReturnTo(caller: Caller, returnTo: string): Promise<void> {
    const origins = returnTo.startsWith('/') ? [] : await this.clients.originsOf(caller);
    if (isLegalReturnTo(returnTo, [this.settings.PUBLIC_URL, ...origins])) return;
    throw new DomainError(
      'incorrect_field',
      'returnTo must be a path that starts with a single /, or a URL on an origin registered for the client. Percent-encode everything except visible ASCII.',
      { members: { field: 'returnTo' } },
    );
  }

  private async requireLegalEmbed(caller: Caller, embed: string): Promise<void> {
    if (!this.settings.allowsSecureCookies)
      throw incorrectEmbed('embed needs an https public URL: browsers keep the session of a frame over https only.');
    if (isOrigin(embed) && (await this.clients.originsOf(caller)).includes(embed)) return;
    throw incorrectEmbed('embed must be none, or an origin registered for the client, written exactly the same.');
  }

  /** The client's origin that a legal `returnTo` leads to, or `null` if it leads to the public site. */
  private clientOriginOf(returnTo: string | undefined): string | null {
    if (returnTo === undefined || isLegalReturnTo(returnTo, [this.settings.PUBLIC_URL])) return null;
    return new URL(returnTo).origin;
  }

  private sign({ userId, clientId }: Caller, token: NewLoginToken): Promise<string> {
    return this.tokens.sign('login', {
      sub: token.userId,
      exp: toNumericDate(token.expiresAt),
      authorities: ['ROLE_USER'],
      jti: token.id,
      client_id: clientId,
      scope: ['ROLE_USER'],
      iat: toNumericDate(token.issuedAt),
      act: { sub: userId },
    });
  }

  private origin(secure: boolean): string {
    return secure ? this.settings.PUBLIC_URL.replace(/^http:/, 'https:') : this.settings.PUBLIC_URL;
  }
}

/** With this value of `embed`, the token is for a window, even if its client embeds by default. */
const NO_EMBED = 'none';

function incorrectEmbed(description: string): DomainError {
  return new DomainError('incorrect_field', description, { members: { field: 'embed' } });
}
