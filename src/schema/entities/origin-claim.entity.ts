import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { ID, INSTANT } from '../../database/column-types.js';
import { Organization } from './organization.entity.js';

/** An origin that an organization says is its own and has still to prove. Several may claim the same one. */
@Entity('origin_claims')
export class OriginClaim {
  @PrimaryColumn({ name: 'organization_id', ...ID, primaryKeyConstraintName: 'origin_claims_pkey' })
  organizationId: string;

  @PrimaryColumn({ type: 'varchar', length: 255, primaryKeyConstraintName: 'origin_claims_pkey' })
  origin: string;

  @ManyToOne(() => Organization, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'organization_id', foreignKeyConstraintName: 'origin_claims_organization_fkey' })
  organization: Relation<Organization>;

  /** Kept as it is, because it is no secret: it is put where everybody reads it, and proves something for this organization only. */
  @Column({ type: 'varchar', length: 43 })
  challenge: string;

  @Column({ name: 'created_at', ...INSTANT })
  createdAt: Date;
}
