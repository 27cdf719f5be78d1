import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { BOUND, ID } from '../../database/column-types.js';
import { User } from './user.entity.js';
import { Group } from './group.entity.js';

export type GroupPermission = 'MANAGE' | 'VIEW';

/** A staff user's permission on one group. `MANAGE` implies `VIEW`, so there is one row for each user and group. */
@Entity('group_staff')
@Check('group_staff_permission_check', `"permission" IN ('MANAGE', 'VIEW')`)
@Index('group_staff_group_idx', ['groupId', 'userId'])
@Index('group_staff_bounded_idx', ['userId'], { where: `"valid_from" IS NOT NULL OR "valid_until" IS NOT NULL` })
@Index('group_staff_ending_idx', ['validUntil'], { where: '"valid_until" IS NOT NULL' })
export class GroupStaff {
  @PrimaryColumn({ name: 'user_id', ...ID, primaryKeyConstraintName: 'group_staff_pkey' })
  userId: string;

  @PrimaryColumn({ name: 'group_id', ...ID, primaryKeyConstraintName: 'group_staff_pkey' })
  groupId: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'group_staff_user_fkey' })
  user: Relation<User>;

  @ManyToOne(() => Group, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'group_id', foreignKeyConstraintName: 'group_staff_group_fkey' })
  group: Relation<Group>;

  @Column({ type: 'varchar', length: 16 })
  permission: GroupPermission;

  /** When the right begins. */
  @Column({ name: 'valid_from', ...BOUND })
  validFrom: Date | null;

  /** When the right ends. At this instant it counts no longer. */
  @Column({ name: 'valid_until', ...BOUND })
  validUntil: Date | null;
}
