import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { BOUND, ID } from '../../database/column-types.js';
import { User } from './user.entity.js';

/** The permissions of staff in their organization (docs/api.md, section 6.7). */
export const PERMISSIONS = [
  'OBTAIN_ACCESS_TOKENS',
  'MANAGE_USERS',
  'CREATE_GROUPS',
  'MANAGE_ALL_GROUPS',
  'MANAGE_STAFF',
  'MANAGE_SERVICE_ACCOUNTS',
  'VIEW_AUDIT_LOG',
] as const;

export type Permission = (typeof PERMISSIONS)[number];

@Entity('account_permissions')
@Check('account_permissions_permission_check', `"permission" IN (${PERMISSIONS.map((name) => `'${name}'`).join(', ')})`)
@Index('account_permissions_ending_idx', ['validUntil'], { where: '"valid_until" IS NOT NULL' })
export class AccountPermission {
  @PrimaryColumn({ name: 'user_id', ...ID, primaryKeyConstraintName: 'account_permissions_pkey' })
  userId: string;

  @PrimaryColumn({ type: 'varchar', length: 32, primaryKeyConstraintName: 'account_permissions_pkey' })
  permission: Permission;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'account_permissions_user_fkey' })
  user: Relation<User>;

  /** When the right begins. */
  @Column({ name: 'valid_from', ...BOUND })
  validFrom: Date | null;

  /** When the right ends. At this instant it counts no longer. */
  @Column({ name: 'valid_until', ...BOUND })
  validUntil: Date | null;
}
