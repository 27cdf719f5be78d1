import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { ID, INSTANT } from '../../database/column-types.js';
import { Client } from './client.entity.js';
import { User } from './user.entity.js';

/** A browser in which somebody is signed in to the console. It is deleted when it ends. */
@Entity('console_sessions')
export class ConsoleSession {
  /** SHA-256 of the cookie's value. */
  @PrimaryColumn({
    name: 'secret_hash',
    type: 'varchar',
    length: 43,
    primaryKeyConstraintName: 'console_sessions_pkey',
  })
  secretHash: string;

  @Index('console_sessions_user_idx')
  @Column({ name: 'user_id', ...ID })
  userId: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'console_sessions_user_fkey' })
  user: Relation<User>;

  /** The client of the console in the user's organization. */
  @Index('console_sessions_client_idx')
  @Column({ name: 'client_id', type: 'varchar', length: 32 })
  clientId: string;

  @ManyToOne(() => Client, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'client_id', foreignKeyConstraintName: 'console_sessions_client_fkey' })
  client: Relation<Client>;

  /** The sign-in at the authorization server that the session came from. If the user ends that, this ends too. */
  @Index('console_sessions_sign_in_idx')
  @Column({ name: 'sign_in_uid', type: 'varchar', length: 64, nullable: true })
  signInUid: string | null;

  @Column({ name: 'last_seen_at', ...INSTANT })
  lastSeenAt: Date;

  @Index('console_sessions_expires_at_idx')
  @Column({ name: 'expires_at', ...INSTANT })
  expiresAt: Date;
}
