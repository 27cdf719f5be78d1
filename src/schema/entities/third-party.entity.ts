import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { ID } from '../../database/column-types.js';
import { Organization } from './organization.entity.js';

/** A system of an organization that has its own IDs for users. Its code is unique. */
@Entity('third_parties')
export class ThirdParty {
  @PrimaryColumn({ type: 'varchar', length: 64, primaryKeyConstraintName: 'third_parties_pkey' })
  code: string;

  @Index('third_parties_organization_idx')
  @Column({ name: 'organization_id', ...ID })
  organizationId: string;

  @ManyToOne(() => Organization, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'organization_id', foreignKeyConstraintName: 'third_parties_organization_fkey' })
  organization: Relation<Organization>;
}
