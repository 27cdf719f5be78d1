import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { ID, INSTANT } from '../../database/column-types.js';
import { Organization } from './organization.entity.js';

@Entity('groups')
@Index('groups_organization_idx', ['organizationId', 'id'])
@Index('groups_custom_reference_idx', ['organizationId', 'customReference', 'id'])
export class Group {
  @PrimaryColumn({ ...ID, primaryKeyConstraintName: 'groups_pkey' })
  id: string;

  @Column({ name: 'organization_id', ...ID })
  organizationId: string;

  @ManyToOne(() => Organization, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'organization_id', foreignKeyConstraintName: 'groups_organization_fkey' })
  organization: Relation<Organization>;

  @Column({ type: 'varchar', length: 255 })
  name: string;

  @Column({ type: 'text' })
  description: string;

  @Column({ name: 'custom_reference', type: 'varchar', length: 255, nullable: true })
  customReference: string | null;

  @Column({ name: 'created_at', ...INSTANT })
  createdAt: Date;

  @Column({ name: 'last_edited_at', ...INSTANT })
  lastEditedAt: Date;

  /** How many users have joined. The database counts them. */
  @Column({ name: 'member_count', type: 'integer', default: 0, insert: false, update: false })
  memberCount: number;

  /** How many users are invited. The database counts them. */
  @Column({ name: 'invitee_count', type: 'integer', default: 0, insert: false, update: false })
  inviteeCount: number;
}
