import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { ID, INSTANT } from '../../database/column-types.js';
import { User } from './user.entity.js';

/**
 * An e-mail address that somebody set for themselves, and that nobody has verified. Any number of accounts can have the
 * same one here: it names nobody and takes nobody's place.
 */
@Entity('unverified_email_addresses')
@Index('unverified_email_addresses_link_idx', ['linkHash'], { unique: true })
export class UnverifiedEmailAddress {
  @PrimaryColumn({ name: 'user_id', ...ID, primaryKeyConstraintName: 'unverified_email_addresses_pkey' })
  userId: string;

  /** In the form in which addresses are compared (`normalizeEmailAddress`). */
  @PrimaryColumn({ type: 'varchar', length: 254, primaryKeyConstraintName: 'unverified_email_addresses_pkey' })
  address: string;

  @ManyToOne(() => User, (user) => user.unverifiedEmailAddresses, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'unverified_email_addresses_user_fkey' })
  user: Relation<User>;

  /** Whether it is to take the place of the one that is shown, once it is verified. */
  @Column({ name: 'is_primary', type: 'boolean' })
  isPrimary: boolean;

  /** Of the secret in the link that verifies it, if there is one. */
  @Column({ name: 'link_hash', type: 'varchar', length: 43, nullable: true })
  linkHash: string | null;

  @Column({ name: 'link_expires_at', ...INSTANT, nullable: true })
  linkExpiresAt: Date | null;
}
