import { Column, Entity, JoinColumn, OneToOne, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { ID, INSTANT } from '../../database/column-types.js';
import { User } from './user.entity.js';

/** The password with which a user signs in at the authorization server. Most accounts have none. */
@Entity('passwords')
export class Password {
  @PrimaryColumn({ name: 'user_id', ...ID, primaryKeyConstraintName: 'passwords_pkey' })
  userId: string;

  @OneToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'passwords_user_fkey' })
  user: Relation<User>;

  /** argon2id in its encoded form, with parameters and salt. */
  @Column({ type: 'varchar', length: 255 })
  hash: string;

  @Column({ name: 'changed_at', ...INSTANT })
  changedAt: Date;
}
