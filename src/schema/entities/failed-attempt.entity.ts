import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { INSTANT } from '../../database/column-types.js';

/**
 * How often something failed in some minutes, counted in the database so that N instances do not allow N times as much;
 * and from which networks accounts were signed in to, with the count 0. Both are kept as hashes, until an instant.
 */
@Entity('failed_attempts')
export class FailedAttempt {
  /** What was tried, by whom and in which window of time. */
  @PrimaryColumn({ type: 'varchar', length: 128, primaryKeyConstraintName: 'failed_attempts_pkey' })
  key: string;

  @Column({ type: 'integer' })
  count: number;

  @Index('failed_attempts_expires_at_idx')
  @Column({ name: 'expires_at', ...INSTANT })
  expiresAt: Date;
}
