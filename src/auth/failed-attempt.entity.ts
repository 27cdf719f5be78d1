import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { INSTANT } from '../database/column-types.js';

/** How often something failed in one minute, counted in the database so that N instances do not allow N times as much. */
@Entity('failed_attempts')
export class FailedAttempt {
  /** What was tried, by whom and in which minute. */
  @PrimaryColumn({ type: 'varchar', length: 128, primaryKeyConstraintName: 'failed_attempts_pkey' })
  key: string;

  @Column({ type: 'integer' })
  count: number;

  @Index('failed_attempts_expires_at_idx')
  @Column({ name: 'expires_at', ...INSTANT })
  expiresAt: Date;
}
