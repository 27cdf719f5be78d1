import { Entity, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { Client } from './client.entity.js';

/** A URI to which the authorization endpoint may send a browser with a code. It is compared character by character. */
@Entity('client_redirect_uris')
export class ClientRedirectUri {
  @PrimaryColumn({
    name: 'client_id',
    type: 'varchar',
    length: 32,
    primaryKeyConstraintName: 'client_redirect_uris_pkey',
  })
  clientId: string;

  @PrimaryColumn({ type: 'varchar', length: 1024, primaryKeyConstraintName: 'client_redirect_uris_pkey' })
  uri: string;

  @ManyToOne(() => Client, (client) => client.redirectUris, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'client_id', foreignKeyConstraintName: 'client_redirect_uris_client_fkey' })
  client: Relation<Client>;
}
