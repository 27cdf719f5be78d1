import { Entity, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { Client } from './client.entity.js';

/** An origin to which a client may send the users that it lets in, as browsers write it: `https://learn.example.com`. */
@Entity('client_origins')
export class ClientOrigin {
  @PrimaryColumn({ name: 'client_id', type: 'varchar', length: 32, primaryKeyConstraintName: 'client_origins_pkey' })
  clientId: string;

  @PrimaryColumn({ type: 'varchar', length: 255, primaryKeyConstraintName: 'client_origins_pkey' })
  origin: string;

  @ManyToOne(() => Client, (client) => client.origins, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'client_id', foreignKeyConstraintName: 'client_origins_client_fkey' })
  client: Relation<Client>;
}
