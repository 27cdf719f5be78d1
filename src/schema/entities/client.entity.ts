import { Check, Column, Entity, Index, JoinColumn, ManyToOne, OneToMany, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { ID, INSTANT } from '../../database/column-types.js';
import { Organization } from './organization.entity.js';
import { ClientOrigin } from './client-origin.entity.js';
import { ClientRedirectUri } from './client-redirect-uri.entity.js';

/**
 * What a client was written for, whose ways it may keep (docs/api.md, section 12.5): those of Drillster's hosts, which leave out what
 * the standards ask for. A client without it gets the strict standard.
 */
export const COMPATIBILITIES = ['drillster'] as const;
export type Compatibility = (typeof COMPATIBILITIES)[number];

/** An application that calls the API, in the sense of RFC 6749, section 1.1. */
@Entity('clients')
@Index('clients_organization_key', ['organizationId', 'id'], { unique: true })
@Check('clients_compatibility_check', `"compatibility" IN ('drillster')`)
export class Client {
  /** 32 lower-case hex characters. */
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

  /** It can keep no secret, as an application that runs in a browser (RFC 6749, section 2.1). */
  @Column({ name: 'is_public', type: 'boolean', default: false })
  isPublic: boolean;

  /** Public keys with which it authenticates by `private_key_jwt`, as a JWK Set; `null` for one with a secret. */
  @Column({ type: 'text', nullable: true })
  jwks: string | null;

  @Column({ type: 'varchar', length: 16, nullable: true })
  compatibility: Compatibility | null;

  @OneToMany(() => ClientOrigin, (origin) => origin.client)
  origins: Relation<ClientOrigin[]>;

  @OneToMany(() => ClientRedirectUri, (redirectUri) => redirectUri.client)
  redirectUris: Relation<ClientRedirectUri[]>;
}
