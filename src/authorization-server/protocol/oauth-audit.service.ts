import { Injectable } from '@nestjs/common';
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { EntityManager } from 'typeorm';
import type { AuditDetails, AuditEventName } from '../../schema/entities/audit-events.js';
import { AuditService } from '../../audit/audit.service.js';
import { Database } from '../../database/database.js';
import type { Statement } from '../../database/statement.js';
import { UsedBefore } from './used-before.js';

/** The account's own organization, or else the client's. */
const ORGANIZATION: Statement = {
  name: 'find_organization_of_grant',
  sql: `SELECT COALESCE(
          (SELECT COALESCE(u."staff_organization_id", u."organization_id") FROM "users" u WHERE u."id" = $1),
          (SELECT c."organization_id" FROM "clients" c WHERE c."id" = $2)) AS "organizationId"`,
};

/** Grants by what can be shown twice; the one by assertion says so itself. */
const REPLAYED = new Set(['authorization_code', 'refresh_token']);

/** What happened at the authorization server, and to whom. */
interface OAuthEntry {
  event: AuditEventName;
  userId: string | null;
  /** Who acts for the user; otherwise the user did it. */
  actorId?: string;
  clientId: string | null;
  tokenId?: string;
  details?: AuditDetails;
}

/** Records what the authorization server does. The engine writes on its own: what is recorded here is recorded before it is answered. */
@Injectable()
export class OAuthAuditService {
  constructor(
    private readonly database: Database,
    private readonly audit: AuditService,
  ) {}

  /** In the transaction of `db`, if one is given: both are there, or neither. */
  async record({ userId, actorId, clientId, ...entry }: OAuthEntry, db?: EntityManager): Promise<void> {
    const organizationId = await this.organizationOf(userId, clientId);
    const by = { userId: actorId ?? userId ?? undefined, clientId: clientId ?? undefined };
    const row = { ...entry, organizationId, userId, by };
    await (db ? this.audit.record(db, row) : this.audit.write(row));
  }

  /** The same for what was refused, which is recorded so many times a minute at most. */
  async refuse({ userId, clientId, ...entry }: OAuthEntry): Promise<void> {
    const organizationId = await this.organizationOf(userId, clientId);
    if (!organizationId) return;
    const by = { userId: userId ?? undefined, clientId: clientId ?? undefined };
    await this.audit.refuse({ ...entry, organizationId, userId, by });
  }

  /** Tokens that the engine gives out; `refusal` is the error for which it gives none. */
  async recordGrant(ctx: KoaContextWithOIDC, tokenId: string | undefined, refusal: unknown): Promise<void> {
    const grant = String(ctx.oidc.params?.grant_type);
    const { AccessToken, RefreshToken, AuthorizationCode } = ctx.oidc.entities;
    const clientId = ctx.oidc.client?.clientId ?? null;
    const userId = (AccessToken ?? RefreshToken ?? AuthorizationCode)?.accountId ?? null;
    if (isReplay(ctx)) await this.refuse({ event: 'TOKEN_REPLAYED', userId, clientId, details: { grant } });
    if (refusal || !AccessToken) return;
    const event = grant === 'refresh_token' ? 'TOKEN_REFRESHED' : 'TOKEN_ISSUED';
    const { act } = (ctx.state.claims ?? {}) as { act?: { sub: string } };
    await this.record({ event, userId, actorId: act?.sub, clientId, tokenId, details: { grant } });
  }

  private async organizationOf(userId: string | null, clientId: string | null): Promise<string | null> {
    const [row] = await this.database.read<{ organizationId: string | null }>(ORGANIZATION, [userId, clientId]);
    return row!.organizationId;
  }
}

/**
 * Whether a code or a refresh token was refused because it was used before. For that alone the engine revokes a grant while it
 * answers at the token endpoint, and says so by its event.
 */
export function isReplay({ oidc, state }: KoaContextWithOIDC): boolean {
  if (!state.refusal || !REPLAYED.has(String(oidc.params?.grant_type))) return false;
  return state.hasRevokedGrant === true || state.refusal instanceof UsedBefore;
}
