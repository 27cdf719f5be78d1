import { Column, Entity, Index, JoinColumn, ManyToOne, OneToMany, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { ID, INSTANT } from '../database/column-types.js';
import { Organization } from '../organizations/organization.entity.js';
import { ClientOrigin } from './client-origin.entity.js';

/** An application that calls the API, in the sense of RFC 6749, section 1.1. */
@Entity('clients')
export class Client {
  /** 32 lower-case hex characters. */
  @PrimaryColumn({ type: 'varchar', length: 32, primaryKeyConstraintName: 'clients_pkey' })
  id: string;

  @Column({ type: 'varchar', length: 255 })
  name: string;

  @Index('clients_organization_idx')
  @Column({ name: 'organization_id', ...ID })
  organizationId: string;

  @ManyToOne(() => Organization, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'organization_id', foreignKeyConstraintName: 'clients_organization_fkey' })
  organization: Relation<Organization>;

  @Column({ name: 'created_at', ...INSTANT })
  createdAt: Date;

  @OneToMany(() => ClientOrigin, (origin) => origin.client)
  origins: Relation<ClientOrigin[]>;
}
