import { Injectable } from '@nestjs/common';
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { EntityManager } from 'typeorm';
import type { AuditDetails, AuditEventName } from '../../schema/entities/audit-events.js';
import { AuditService } from '../../audit/audit.service.js';
import { Database } from '../../database/database.js';
import type { Statement } from '../../database/statement.js';
import { UsedBefore } from './used-before.js';

/** Finds the account's own organization, or else the client's. */
const ORGANIZATION: Statement = {
  name: 'find_organization_of_grant',
  sql: `SELECT COALESCE(
          (SELECT COALESCE(u."staff_organization_id", u."organization_id") FROM "users" u WHERE u."id" = $1),
          (SELECT c."organization_id" FROM "clients" c WHERE c."id" = $2)) AS "organizationId"`,
};

/** Grants whose code or token can be replayed. The assertion grant records its replays itself. */
const REPLAYED = new Set(['authorization_code', 'refresh_token']);

/** An event at the authorization server, and whom it concerns. */
interface OAuthEntry {
  event: AuditEventName;
  userId: string | null;
  /** Whoever acts for the user. Without it, the user acted. */
  actorId?: string;
  clientId: string | null;
  tokenId?: string;
  details?: AuditDetails;
}

/**
 * Records what the authorization server does. The engine writes outside our transactions, so an event is recorded
 * before it is answered.
 */
@Injectable()
export class OAuthAuditService {
  constructor(
    private readonly database: Database,
    private readonly audit: AuditService,
  ) {}

  /** Records an event, in the transaction of `db` if one is given. */
  async record({ userId, actorId, clientId, ...entry }: OAuthEntry, db?: EntityManager): Promise<void> {
    const organizationId = await this.organizationOf(userId, clientId);
    const by = { userId: actorId ?? userId ?? undefined, clientId: clientId ?? undefined };
    const row = { ...entry, organizationId, userId, by };
    await (db ? this.audit.record(db, row) : this.audit.write(row));
  }

  /** Records a refusal. The number of refusals that are recorded each minute is limited. */
  async refuse({ userId, clientId, ...entry }: OAuthEntry): Promise<void> {
    const organizationId = await this.organizationOf(userId, clientId);
    if (!organizationId) return;
    const by = { userId: userId ?? undefined, clientId: clientId ?? undefined };
    await this.audit.refuse({ ...entry, organizationId, userId, by });
  }

  /** Records that the engine has issued tokens, or refused to with the error `refusal`. */
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
 * Whether a code or a refresh token was refused because it was used before. That is the only case in which the engine
 * revokes a grant while it answers at the token endpoint, and it emits an event then.
 */
export function isReplay({ oidc, state }: KoaContextWithOIDC): boolean {
  if (!state.refusal || !REPLAYED.has(String(oidc.params?.grant_type))) return false;
  return state.hasRevokedGrant === true || state.refusal instanceof UsedBefore;
}
