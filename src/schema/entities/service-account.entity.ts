import { Column, Entity, JoinColumn, ManyToOne, OneToOne, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { ID, INSTANT } from '../../database/column-types.js';
import { User } from './user.entity.js';
import { Client } from './client.entity.js';

/**
 * What a service account has in addition to its row in `users`, where it is on its organization's staff: the client
 * that it calls with unless it names another one.
 */
@Entity('service_accounts')
export class ServiceAccount {
  @PrimaryColumn({ name: 'user_id', ...ID, primaryKeyConstraintName: 'service_accounts_pkey' })
  userId: string;

  @OneToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'service_accounts_user_fkey' })
  user: Relation<User>;

  @Column({ name: 'client_id', type: 'varchar', length: 32 })
  clientId: string;

  @ManyToOne(() => Client, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'client_id', foreignKeyConstraintName: 'service_accounts_client_fkey' })
  client: Relation<Client>;

  @Column({ name: 'created_at', ...INSTANT })
  createdAt: Date;
}
