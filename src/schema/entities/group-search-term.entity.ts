import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { ID, TERM } from '../../database/column-types.js';
import { Group } from './group.entity.js';

/** A term that finds a group in a search: see `searchTerms`. */
@Entity('group_search_terms', { withoutRowid: true })
@Index('group_search_terms_organization_idx', ['organizationId', 'term', 'groupId'])
export class GroupSearchTerm {
  @PrimaryColumn({ name: 'group_id', ...ID, primaryKeyConstraintName: 'group_search_terms_pkey' })
  groupId: string;

  @PrimaryColumn({ ...TERM, primaryKeyConstraintName: 'group_search_terms_pkey' })
  term: string;

  /** The group's organization, so that an organization's terms are one range of an index. */
  @Column({ name: 'organization_id', ...ID })
  organizationId: string;

  @ManyToOne(() => Group, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'group_id', foreignKeyConstraintName: 'group_search_terms_group_fkey' })
  group: Relation<Group>;
}
