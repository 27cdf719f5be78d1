import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { ID, INSTANT } from '../../database/column-types.js';
import { User } from './user.entity.js';

export type AssertionAlgorithm = 'RS256' | 'ES256' | 'EdDSA';

/** A public key of a service account, which verifies its assertions (RFC 7523). */
@Entity('service_account_keys')
@Check('service_account_keys_algorithm_check', `"algorithm" IN ('RS256', 'ES256', 'EdDSA')`)
export class ServiceAccountKey {
  /** The `kid` that an assertion names. */
  @PrimaryColumn({ ...ID, primaryKeyConstraintName: 'service_account_keys_pkey' })
  id: string;

  @Index('service_account_keys_user_idx')
  @Column({ name: 'user_id', ...ID })
  userId: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'service_account_keys_user_fkey' })
  user: Relation<User>;

  /** The only algorithm that the key verifies with (RFC 8725, section 3.1). */
  @Column({ type: 'varchar', length: 8 })
  algorithm: AssertionAlgorithm;

  /** The public key as a JWK. */
  @Column({ type: 'text' })
  jwk: string;

  @Column({ name: 'created_at', ...INSTANT })
  createdAt: Date;

  /** From this instant on the key verifies nothing, and access tokens that were obtained with it are refused. */
  @Column({ name: 'revoked_at', ...INSTANT, nullable: true })
  revokedAt: Date | null;
}
