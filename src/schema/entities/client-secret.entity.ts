import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { ID, INSTANT } from '../../database/column-types.js';
import { Client } from './client.entity.js';

/**
 * A secret with which a client authenticates. A client may have several, so that one can be replaced without an
 * interruption.
 */
@Entity('client_secrets')
export class ClientSecret {
  /** Identifies the secret and reveals nothing about it. */
  @PrimaryColumn({ ...ID, primaryKeyConstraintName: 'client_secrets_pkey' })
  id: string;

  @Index('client_secrets_client_idx')
  @Column({ name: 'client_id', type: 'varchar', length: 32 })
  clientId: string;

  @ManyToOne(() => Client, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'client_id', foreignKeyConstraintName: 'client_secrets_client_fkey' })
  client: Relation<Client>;

  @Column({ name: 'secret_hash', type: 'varchar', length: 43 })
  secretHash: string;

  @Column({ name: 'created_at', ...INSTANT })
  createdAt: Date;
}
