import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { INSTANT } from '../../database/column-types.js';

/** An assertion that was used: its `jti` is not accepted again, on any instance (RFC 7523, section 3, rule 7). */
@Entity('used_assertions')
export class UsedAssertion {
  /** SHA-256 of issuer and `jti`. */
  @PrimaryColumn({ type: 'varchar', length: 43, primaryKeyConstraintName: 'used_assertions_pkey' })
  id: string;

  /** When the assertion itself expires. The row is not needed after that. */
  @Index('used_assertions_expires_at_idx')
  @Column({ name: 'expires_at', ...INSTANT })
  expiresAt: Date;
}
