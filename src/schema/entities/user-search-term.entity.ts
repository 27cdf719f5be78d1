import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { ID, TERM } from '../../database/column-types.js';
import { User } from './user.entity.js';

/** A term that finds a person in a search: see `searchTerms`. */
@Entity('user_search_terms', { withoutRowid: true })
@Index('user_search_terms_organization_idx', ['organizationId', 'term', 'userId'])
export class UserSearchTerm {
  @PrimaryColumn({ name: 'user_id', ...ID, primaryKeyConstraintName: 'user_search_terms_pkey' })
  userId: string;

  @PrimaryColumn({ ...TERM, primaryKeyConstraintName: 'user_search_terms_pkey' })
  term: string;

  /** The account's organization, so that an organization's terms are one range of an index. */
  @Column({ name: 'organization_id', ...ID, nullable: true })
  organizationId: string | null;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'user_search_terms_user_fkey' })
  user: Relation<User>;
}
