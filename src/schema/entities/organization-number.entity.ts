import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryGeneratedColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { ID } from '../../database/column-types.js';
import { Organization } from './organization.entity.js';

/** A short number for each organization, for the indexes of logins. A trigger assigns it. */
@Entity('organization_numbers')
export class OrganizationNumber {
  @PrimaryGeneratedColumn('increment', { primaryKeyConstraintName: 'organization_numbers_pkey' })
  number: number;

  @Index('organization_numbers_organization_key', { unique: true })
  @Column({ name: 'organization_id', ...ID })
  organizationId: string;

  @ManyToOne(() => Organization, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'organization_id', foreignKeyConstraintName: 'organization_numbers_organization_fkey' })
  organization: Relation<Organization>;
}
