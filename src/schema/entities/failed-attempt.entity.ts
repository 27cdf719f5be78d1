import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { INSTANT } from '../../database/column-types.js';

/**
 * How often something failed within some minutes. It is counted in the database, so that several instances allow no
 * more than one does. A count of 0 marks a network from which somebody has signed in to an account. Both are stored
 * under hashes, and for a limited time.
 */
@Entity('failed_attempts')
export class FailedAttempt {
  /** What was tried, by whom and in which time window. */
  @PrimaryColumn({ type: 'varchar', length: 128, primaryKeyConstraintName: 'failed_attempts_pkey' })
  key: string;

  @Column({ type: 'integer' })
  count: number;

  @Index('failed_attempts_expires_at_idx')
  @Column({ name: 'expires_at', ...INSTANT })
  expiresAt: Date;
}
