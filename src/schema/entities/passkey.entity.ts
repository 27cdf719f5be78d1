import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { BYTES, ID, INSTANT } from '../../database/column-types.js';
import { User } from './user.entity.js';

/** A passkey with which a user signs in at the authorization server (Web Authentication, Level 3). */
@Entity('passkeys')
export class Passkey {
  /** The credential ID, at most 1,023 bytes, in base64url. */
  @PrimaryColumn({ type: 'varchar', length: 1364, primaryKeyConstraintName: 'passkeys_pkey' })
  id: string;

  @Index('passkeys_user_idx')
  @Column({ name: 'user_id', ...ID })
  userId: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'passkeys_user_fkey' })
  user: Relation<User>;

  /** The user's own name for it. */
  @Column({ type: 'varchar', length: 100 })
  name: string;

  /** The public key in COSE form (RFC 9052). */
  @Column({ name: 'public_key', ...BYTES })
  publicKey: Buffer;

  /** How often the authenticator has signed; 0 for one that does not count. */
  @Column({ name: 'sign_count', type: 'bigint' })
  signCount: number | string;

  /** How the browser can reach the authenticator, separated by commas. */
  @Column({ type: 'varchar', length: 100 })
  transports: string;

  @Column({ name: 'created_at', ...INSTANT })
  createdAt: Date;

  @Column({ name: 'last_used_at', ...INSTANT, nullable: true })
  lastUsedAt: Date | null;
}
