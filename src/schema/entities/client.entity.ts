import { Check, Column, Entity, Index, JoinColumn, ManyToOne, OneToMany, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { ID, INSTANT } from '../../database/column-types.js';
import { Organization } from './organization.entity.js';
import { ClientOrigin } from './client-origin.entity.js';
import { ClientRedirectUri } from './client-redirect-uri.entity.js';

/**
 * Software whose deviations from the standards a client may keep (docs/api.md, section 12.5). Drillster's hosts leave
 * out parts that the standards require. A client without a compatibility must follow the standards strictly.
 */
export const COMPATIBILITIES = ['drillster'] as const;
export type Compatibility = (typeof COMPATIBILITIES)[number];

/** An application that calls the API (RFC 6749, section 1.1). */
@Entity('clients')
@Index('clients_organization_key', ['organizationId', 'id'], { unique: true })
@Check('clients_compatibility_check', `"compatibility" IN ('drillster')`)
export class Client {
  /** 32 lower-case hexadecimal characters. */
  @PrimaryColumn({ type: 'varchar', length: 32, primaryKeyConstraintName: 'clients_pkey' })
  id: string;

  @Column({ type: 'varchar', length: 255 })
  name: string;

  @Column({ name: 'organization_id', ...ID })
  organizationId: string;

  @ManyToOne(() => Organization, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'organization_id', foreignKeyConstraintName: 'clients_organization_fkey' })
  organization: Relation<Organization>;

  @Column({ name: 'created_at', ...INSTANT })
  createdAt: Date;

  /** Whether the client can't keep a secret, such as an application in a browser (RFC 6749, section 2.1). */
  @Column({ name: 'is_public', type: 'boolean', default: false })
  isPublic: boolean;

  /** The public keys for `private_key_jwt` as a JWK Set; `null` for a client with secrets. */
  @Column({ type: 'text', nullable: true })
  jwks: string | null;

  @Column({ type: 'varchar', length: 16, nullable: true })
  compatibility: Compatibility | null;

  @OneToMany(() => ClientOrigin, (origin) => origin.client)
  origins: Relation<ClientOrigin[]>;

  @OneToMany(() => ClientRedirectUri, (redirectUri) => redirectUri.client)
  redirectUris: Relation<ClientRedirectUri[]>;
}
