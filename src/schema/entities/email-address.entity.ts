import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { ID } from '../../database/column-types.js';
import { User } from './user.entity.js';

/** An e-mail address of one account, in the normalized form (`normalizeEmailAddress`). */
@Entity('email_addresses')
export class EmailAddress {
  @PrimaryColumn({ type: 'varchar', length: 254, primaryKeyConstraintName: 'email_addresses_pkey' })
  address: string;

  @Index('email_addresses_user_idx')
  @Column({ name: 'user_id', ...ID })
  userId: string;

  @ManyToOne(() => User, (user) => user.emailAddresses, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'email_addresses_user_fkey' })
  user: Relation<User>;

  /** Whether it is the account's primary address, which is shown. */
  @Column({ name: 'is_primary', type: 'boolean' })
  isPrimary: boolean;
}
