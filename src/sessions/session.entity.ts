import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { LoginToken } from '../access/login-token.entity.js';
import { ID, INSTANT } from '../database/column-types.js';
import { User } from '../users/user.entity.js';

/** A browser that a login token let in. */
@Entity('sessions')
@Index('sessions_user_idx', ['userId', 'createdAt'])
export class Session {
  /** A handle for lists and records; it opens nothing. */
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

  /** Unique: this index is what makes a login token work once. */
  @Index('sessions_login_token_key', { unique: true })
  @Column({ name: 'login_token_id', type: 'varchar', length: 36 })
  loginTokenId: string;

  @ManyToOne(() => LoginToken, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'login_token_id', foreignKeyConstraintName: 'sessions_login_token_fkey' })
  loginToken: Relation<LoginToken>;

  /** The cookie is sent over https only. */
  @Column({ type: 'boolean' })
  secure: boolean;

  /** Also when the login token was redeemed. */
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
}
