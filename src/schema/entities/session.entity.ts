import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { LoginToken } from './login-token.entity.js';
import type { EndReason } from './audit-events.js';
import { ID, INSTANT } from '../../database/column-types.js';
import { User } from './user.entity.js';

/** A browser that was let in by a login token. */
@Entity('sessions')
@Index('sessions_user_idx', ['userId', 'createdAt'])
@Index('sessions_organization_idx', ['organizationId', 'expiresAt', 'id'], { where: '"ended_at" IS NULL' })
export class Session {
  /** Identifies the session in lists and records. It gives no access. */
  @PrimaryColumn({ ...ID, primaryKeyConstraintName: 'sessions_pkey' })
  id: string;

  /** SHA-256 of the cookie's value. */
  @Index('sessions_secret_hash_key', { unique: true })
  @Column({ name: 'secret_hash', type: 'varchar', length: 43 })
  secretHash: string;

  @Column({ name: 'user_id', ...ID })
  userId: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'sessions_user_fkey' })
  user: Relation<User>;

  /** The unique index makes a login token work only once. */
  @Index('sessions_login_token_key', { unique: true })
  @Column({ name: 'login_token_id', type: 'varchar', length: 36 })
  loginTokenId: string;

  @ManyToOne(() => LoginToken, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'login_token_id', foreignKeyConstraintName: 'sessions_login_token_fkey' })
  loginToken: Relation<LoginToken>;

  /** Whether the cookie is sent over https only. */
  @Column({ type: 'boolean' })
  secure: boolean;

  /** Also the time when the login token was redeemed. */
  @Column({ name: 'created_at', ...INSTANT })
  createdAt: Date;

  /** To the minute. */
  @Column({ name: 'last_seen_at', ...INSTANT })
  lastSeenAt: Date;

  /** The end of its absolute lifetime. */
  @Index('sessions_expires_at_idx')
  @Column({ name: 'expires_at', ...INSTANT })
  expiresAt: Date;

  @Column({ name: 'ended_at', ...INSTANT, nullable: true })
  endedAt: Date | null;

  /** Why the session ended early. */
  @Column({ name: 'end_reason', type: 'varchar', length: 16, nullable: true })
  endReason: EndReason | null;

  /** Who ended the session; `null` if its user or browser did. */
  @Column({ name: 'ended_by', ...ID, nullable: true })
  endedBy: string | null;

  @Column({ name: 'ended_by_client_id', type: 'varchar', length: 32, nullable: true })
  endedByClientId: string | null;

  /** The organization that manages the user, so that its sessions are one range of an index. */
  @Column({ name: 'organization_id', ...ID, nullable: true })
  organizationId: string | null;

  /** The browser and system in our own words: `Firefox on Windows`. */
  @Column({ type: 'varchar', length: 64, nullable: true })
  device: string | null;
}
