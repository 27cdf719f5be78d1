import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { ID, INSTANT } from '../../database/column-types.js';
import { Group } from './group.entity.js';
import { Client } from './client.entity.js';
import { User } from './user.entity.js';

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
 * The record of a login token: who let whom in, through what, and until when. The token itself is not stored. A session
 * that refers to the record shows that the token was redeemed, and when.
 */
@Entity('login_tokens')
@Check('login_tokens_delivery_check', `"delivery" IN ('redirect', 'link')`)
@Check('login_tokens_existing_session_check', `"existing_session" IN ('keep', 'switch', 'ask')`)
@Index('login_tokens_organization_idx', ['organizationId', 'expiresAt', 'id'], { where: '"revoked_at" IS NULL' })
export class LoginToken {
  /** The token's `jti`, a UUID. */
  @PrimaryColumn({ type: 'varchar', length: 36, primaryKeyConstraintName: 'login_tokens_pkey' })
  id: string;

  /** The user whom the token lets in. */
  @Index('login_tokens_user_idx')
  @Column({ name: 'user_id', ...ID })
  userId: string;

  /** The caller who asked for the token. */
  @Index('login_tokens_caller_idx')
  @Column({ name: 'caller_id', ...ID })
  callerId: string;

  @Index('login_tokens_client_idx')
  @Column({ name: 'client_id', type: 'varchar', length: 32 })
  clientId: string;

  /** A group that the user had joined and that the caller managed when the token was issued. */
  @Index('login_tokens_group_idx')
  @Column({ name: 'group_id', ...ID })
  groupId: string;

  /** The service account's key with which the token was requested; `null` for a caller without keys. */
  @Index('login_tokens_key_idx', { where: '"key_id" IS NOT NULL' })
  @Column({ name: 'key_id', ...ID, nullable: true })
  keyId: string | null;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'login_tokens_user_fkey' })
  user: Relation<User>;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'caller_id', foreignKeyConstraintName: 'login_tokens_caller_fkey' })
  caller: Relation<User>;

  @ManyToOne(() => Client, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'client_id', foreignKeyConstraintName: 'login_tokens_client_fkey' })
  client: Relation<Client>;

  @ManyToOne(() => Group, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'group_id', foreignKeyConstraintName: 'login_tokens_group_fkey' })
  group: Relation<Group>;

  @Column({ name: 'issued_at', ...INSTANT })
  issuedAt: Date;

  @Index('login_tokens_expires_at_idx')
  @Column({ name: 'expires_at', ...INSTANT })
  expiresAt: Date;

  /** When the token was revoked. It can start no session any more, and the session that it started has ended. */
  @Column({ name: 'revoked_at', ...INSTANT, nullable: true })
  revokedAt: Date | null;

  /** Who revoked the token, or took away the right that it needed; `null` for an operator on the command line. */
  @Column({ name: 'revoked_by', ...ID, nullable: true })
  revokedBy: string | null;

  @Column({ name: 'revoked_by_client_id', type: 'varchar', length: 32, nullable: true })
  revokedByClientId: string | null;

  /** The organization that manages the user, so that its tokens are one range of an index. */
  @Column({ name: 'organization_id', ...ID, nullable: true })
  organizationId: string | null;

  /** Whether the session is for https only (`security=ssl`). */
  @Column({ type: 'boolean' })
  secure: boolean;

  /** The target of the login, checked when the token was issued; `null` for the landing page. */
  @Column({ name: 'return_to', type: 'varchar', length: 2048, nullable: true })
  returnTo: string | null;

  /** The origin of `returnTo` if it is the client's, which can lose it; `null` for a page of the public site. */
  @Column({ name: 'return_origin', type: 'varchar', length: 255, nullable: true })
  returnOrigin: string | null;

  /** The only origin whose pages may frame the session; `null` for an ordinary session. */
  @Column({ name: 'embed_origin', type: 'varchar', length: 255, nullable: true })
  embedOrigin: string | null;

  @Column({ type: 'varchar', length: 16, default: 'redirect' })
  delivery: Delivery;

  @Column({ name: 'existing_session', type: 'varchar', length: 16, default: 'keep' })
  existingSession: ExistingSession;
}
