import { Check, Column, Entity, JoinColumn, ManyToOne, PrimaryColumn, Unique } from 'typeorm';
import type { Relation } from 'typeorm';
import { ID, INSTANT } from '../../database/column-types.js';
import { Organization } from './organization.entity.js';

/**
 * How an origin came to belong to an organization: the organization put our challenge on the site; the operator
 * assigned it; or its clients were the only ones with the origin when origins got owners.
 */
export const PROOFS = ['FILE', 'OPERATOR', 'UPGRADE'] as const;
export type Proof = (typeof PROOFS)[number];

/** The origin of a site, as browsers write it: `https://learn.example.com`. It belongs to one organization. */
@Entity('origins')
@Unique('origins_organization_key', ['organizationId', 'origin'])
@Check('origins_proof_check', `"proof" IN ('FILE', 'OPERATOR', 'UPGRADE')`)
export class Origin {
  @PrimaryColumn({ type: 'varchar', length: 255, primaryKeyConstraintName: 'origins_pkey' })
  origin: string;

  @Column({ name: 'organization_id', ...ID })
  organizationId: string;

  @ManyToOne(() => Organization, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'organization_id', foreignKeyConstraintName: 'origins_organization_fkey' })
  organization: Relation<Organization>;

  @Column({ type: 'varchar', length: 16 })
  proof: Proof;

  @Column({ ...INSTANT })
  since: Date;
}
