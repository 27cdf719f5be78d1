import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { ID, LOGIN_ID, MILLISECONDS } from '../../database/column-types.js';

/**
 * How the token travels. A `redirect` token starts its session as soon as a browser opens its URL. A `link` token waits
 * until the visitor is there, because scanners and previews of messages open its URL too.
 */
export const DELIVERIES = ['redirect', 'link'] as const;
export type Delivery = (typeof DELIVERIES)[number];

/** What happens to another user's live session in the visitor's browser: it stays, it ends, or the visitor is asked. */
export const EXISTING_SESSION = ['keep', 'switch', 'ask'] as const;
export type ExistingSession = (typeof EXISTING_SESSION)[number];

/**
 * The record of a login token: who let whom in, through what, and until when. The token itself is not stored. The row is
 * the audit log's event `ACCESS_ISSUED` as well: the database refuses to change it, except that it can be revoked once,
 * and to delete it on its first day. It outlives what it refers to, so there are no foreign keys.
 */
@Entity('login_tokens', { withoutRowid: true })
@Check('login_tokens_delivery_check', `"delivery" IN ('redirect', 'link')`)
@Check('login_tokens_existing_session_check', `"existing_session" IN ('keep', 'switch', 'ask')`)
@Index('login_tokens_user_idx', ['userId', 'id'])
@Index('login_tokens_delegation_idx', ['delegationId', 'id'])
@Index('login_tokens_organization_idx', ['organizationNumber', 'id'])
@Index('login_tokens_manager_idx', ['managerNumber', 'id'], { where: '"manager_number" IS NOT NULL' })
export class LoginToken {
  /** The token's `jti`. It begins with the time at which the token was issued. */
  @PrimaryColumn({ ...LOGIN_ID, primaryKeyConstraintName: 'login_tokens_pkey' })
  id: Buffer | string;

  @Column({ name: 'expires_at', ...MILLISECONDS })
  expiresAt: number | string;

  /** When the token was revoked. It can start no session any more, and the session that it started has ended. */
  @Column({ name: 'revoked_at', ...MILLISECONDS, nullable: true })
  revokedAt: number | string | null;

  /** A `Delegation`. */
  @Column({ name: 'delegation_id', type: 'integer' })
  delegationId: number;

  /** The number of the delegation's organization. */
  @Column({ name: 'organization_number', type: 'integer' })
  organizationNumber: number;

  /**
   * The number of the organization that manages the user, if it is another one: 0 if there is none. That organization
   * has the login in its lists.
   */
  @Column({ name: 'manager_number', type: 'integer', nullable: true })
  managerNumber: number | null;

  /** Whether the session is for https only (`security=ssl`). */
  @Column({ type: 'boolean' })
  secure: boolean;

  /** The user whom the token lets in. */
  @Column({ name: 'user_id', ...ID })
  userId: string;

  /** The target of the login, checked when the token was issued; `null` for the landing page. */
  @Column({ name: 'return_to', type: 'varchar', length: 2048, nullable: true })
  returnTo: string | null;

  /** The origin of `returnTo` if it is the client's, which can lose it; `null` for a page of the public site. */
  @Column({ name: 'return_origin', type: 'varchar', length: 255, nullable: true })
  returnOrigin: string | null;

  /** The only origin whose pages may frame the session; `null` for an ordinary session. */
  @Column({ name: 'embed_origin', type: 'varchar', length: 255, nullable: true })
  embedOrigin: string | null;

  /** `null` for `redirect`, which takes no space. */
  @Column({ type: 'varchar', length: 16, nullable: true })
  delivery: Delivery | null;

  /** `null` for `keep`. */
  @Column({ name: 'existing_session', type: 'varchar', length: 16, nullable: true })
  existingSession: ExistingSession | null;

  /** Who revoked the token, or took away the right that it needed; `null` for an operator on the command line. */
  @Column({ name: 'revoked_by', ...ID, nullable: true })
  revokedBy: string | null;

  @Column({ name: 'revoked_by_client_id', type: 'varchar', length: 32, nullable: true })
  revokedByClientId: string | null;

  /** The request that revoked it. */
  @Column({ name: 'revoked_by_request_id', type: 'varchar', length: 36, nullable: true })
  revokedByRequestId: string | null;
}
