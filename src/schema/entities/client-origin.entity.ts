import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { ID } from '../../database/column-types.js';
import { Client } from './client.entity.js';
import { Origin } from './origin.entity.js';

/**
 * An origin to which a client may lead the users whom it lets in. The database accepts only origins that belong to the
 * client's organization, and deletes the row together with the origin.
 */
@Entity('client_origins')
@Index('client_origins_origin_idx', ['organizationId', 'origin'])
@Index('client_origins_embed_key', ['clientId'], { unique: true, where: '"is_embed_default"' })
export class ClientOrigin {
  @PrimaryColumn({ name: 'client_id', type: 'varchar', length: 32, primaryKeyConstraintName: 'client_origins_pkey' })
  clientId: string;

  @PrimaryColumn({ type: 'varchar', length: 255, primaryKeyConstraintName: 'client_origins_pkey' })
  origin: string;

  @Column({ name: 'organization_id', ...ID })
  organizationId: string;

  /**
   * Whether the client's tokens are for frames on this origin's pages unless the call says otherwise. At most one of a
   * client's origins is the default.
   */
  @Column({ name: 'is_embed_default', type: 'boolean', default: false })
  isEmbedDefault: boolean;

  @ManyToOne(() => Client, (client) => client.origins, { onDelete: 'CASCADE' })
  @JoinColumn([
    {
      name: 'organization_id',
      referencedColumnName: 'organizationId',
      foreignKeyConstraintName: 'client_origins_client_fkey',
    },
    { name: 'client_id', referencedColumnName: 'id', foreignKeyConstraintName: 'client_origins_client_fkey' },
  ])
  client: Relation<Client>;

  @ManyToOne(() => Origin, { onDelete: 'CASCADE' })
  @JoinColumn([
    {
      name: 'organization_id',
      referencedColumnName: 'organizationId',
      foreignKeyConstraintName: 'client_origins_origin_fkey',
    },
    { name: 'origin', referencedColumnName: 'origin', foreignKeyConstraintName: 'client_origins_origin_fkey' },
  ])
  owned: Relation<Origin>;
}
