import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { ID, INSTANT } from '../../database/column-types.js';
import { Organization } from './organization.entity.js';

/** An origin that an organization claims and has not proven yet. Several organizations may claim the same origin. */
@Entity('origin_claims')
export class OriginClaim {
  @PrimaryColumn({ name: 'organization_id', ...ID, primaryKeyConstraintName: 'origin_claims_pkey' })
  organizationId: string;

  @PrimaryColumn({ type: 'varchar', length: 255, primaryKeyConstraintName: 'origin_claims_pkey' })
  origin: string;

  @ManyToOne(() => Organization, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'organization_id', foreignKeyConstraintName: 'origin_claims_organization_fkey' })
  organization: Relation<Organization>;

  /**
   * Stored as it is, because it is not a secret: it is published on the site, and is a proof for this organization
   * only.
   */
  @Column({ type: 'varchar', length: 43 })
  challenge: string;

  @Column({ name: 'created_at', ...INSTANT })
  createdAt: Date;
}
