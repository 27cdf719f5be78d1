import { Entity, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { ID } from '../../database/column-types.js';
import { User } from './user.entity.js';

/** A code that takes the place of a passkey, once. It is deleted when it is used. */
@Entity('recovery_codes')
export class RecoveryCode {
  @PrimaryColumn({ name: 'user_id', ...ID, primaryKeyConstraintName: 'recovery_codes_pkey' })
  userId: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'recovery_codes_user_fkey' })
  user: Relation<User>;

  /** SHA-256 of the code. */
  @PrimaryColumn({ name: 'code_hash', type: 'varchar', length: 43, primaryKeyConstraintName: 'recovery_codes_pkey' })
  codeHash: string;
}
