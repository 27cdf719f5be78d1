import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { ID, INSTANT } from '../../database/column-types.js';
import { User } from './user.entity.js';

/**
 * An e-mail address that users have set for themselves and that has not been verified. Several accounts can have the
 * same one here: it names no account, and prevents no other account from having it.
 */
@Entity('unverified_email_addresses')
@Index('unverified_email_addresses_link_idx', ['linkHash'], { unique: true })
export class UnverifiedEmailAddress {
  @PrimaryColumn({ name: 'user_id', ...ID, primaryKeyConstraintName: 'unverified_email_addresses_pkey' })
  userId: string;

  /** In the normalized form (`normalizeEmailAddress`). */
  @Index('unverified_email_addresses_address_idx')
  @PrimaryColumn({ type: 'varchar', length: 254, primaryKeyConstraintName: 'unverified_email_addresses_pkey' })
  address: string;

  @ManyToOne(() => User, (user) => user.unverifiedEmailAddresses, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'unverified_email_addresses_user_fkey' })
  user: Relation<User>;

  /** Whether it becomes the primary address once it is verified. */
  @Column({ name: 'is_primary', type: 'boolean' })
  isPrimary: boolean;

  /** The hash of the secret in the link that verifies the address, if there is one. */
  @Column({ name: 'link_hash', type: 'varchar', length: 43, nullable: true })
  linkHash: string | null;

  @Column({ name: 'link_expires_at', ...INSTANT, nullable: true })
  linkExpiresAt: Date | null;

  /** Who made the link, even if that account was deleted since. The link is valid only while its maker has the right. */
  @Column({ name: 'link_made_by', ...ID, nullable: true })
  linkMadeBy: string | null;
}
