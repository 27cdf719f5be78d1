import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { BOUND, ID, INSTANT } from '../../database/column-types.js';
import { User } from './user.entity.js';
import { Group } from './group.entity.js';

/** A person in a group. An invited person is not a member yet: an invitation gives nobody access to that person. */
@Entity('memberships')
@Check('memberships_status_check', `"status" IN ('JOINED', 'INVITED')`)
@Index('memberships_group_idx', ['groupId', 'userId'])
@Index('memberships_ending_idx', ['validUntil', 'groupId', 'status'], { where: '"valid_until" IS NOT NULL' })
export class Membership {
  @PrimaryColumn({ name: 'user_id', ...ID, primaryKeyConstraintName: 'memberships_pkey' })
  userId: string;

  @PrimaryColumn({ name: 'group_id', ...ID, primaryKeyConstraintName: 'memberships_pkey' })
  groupId: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'memberships_user_fkey' })
  user: Relation<User>;

  @ManyToOne(() => Group, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'group_id', foreignKeyConstraintName: 'memberships_group_fkey' })
  group: Relation<Group>;

  @Column({ type: 'varchar', length: 16 })
  status: 'JOINED' | 'INVITED';

  @Column({ name: 'invited_at', ...INSTANT, nullable: true })
  invitedAt: Date | null;

  @Column({ name: 'joined_at', ...INSTANT, nullable: true })
  joinedAt: Date | null;

  /** When the right begins. */
  @Column({ name: 'valid_from', ...BOUND })
  validFrom: Date | null;

  /** When the right ends. At this instant it counts no longer. */
  @Column({ name: 'valid_until', ...BOUND })
  validUntil: Date | null;
}
