import { Column, Entity, Index, JoinColumn, ManyToOne, OneToOne, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { ID, INSTANT } from '../../database/column-types.js';
import { User } from './user.entity.js';

/** A link with which somebody sets their password. It works once. An account has at most one: the latest. */
@Entity('password_links')
export class PasswordLink {
  @PrimaryColumn({ name: 'user_id', ...ID, primaryKeyConstraintName: 'password_links_pkey' })
  userId: string;

  @OneToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'password_links_user_fkey' })
  user: Relation<User>;

  /** SHA-256 of the link's token. */
  @Index('password_links_token_key', { unique: true })
  @Column({ name: 'token_hash', type: 'varchar', length: 43 })
  tokenHash: string;

  /** Who made the link; `null` for an operator. */
  @Index('password_links_maker_idx')
  @Column({ name: 'made_by', ...ID, nullable: true })
  madeBy: string | null;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'made_by', foreignKeyConstraintName: 'password_links_maker_fkey' })
  maker: Relation<User> | null;

  @Index('password_links_expires_at_idx')
  @Column({ name: 'expires_at', ...INSTANT })
  expiresAt: Date;
}
