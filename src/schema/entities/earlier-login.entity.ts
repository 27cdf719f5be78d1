import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { ID, MILLISECONDS } from '../../database/column-types.js';
import { User } from './user.entity.js';

/** A user's last login from before sessions had their present table. */
@Entity('earlier_logins')
export class EarlierLogin {
  @PrimaryColumn({ name: 'user_id', ...ID, primaryKeyConstraintName: 'earlier_logins_pkey' })
  userId: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'earlier_logins_user_fkey' })
  user: Relation<User>;

  @Column({ name: 'last_login_at', ...MILLISECONDS })
  lastLoginAt: number | string;
}
