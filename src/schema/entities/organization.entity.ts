import { Column, Entity, PrimaryColumn } from 'typeorm';
import { ID, INSTANT } from '../../database/column-types.js';

/** A company or institution. It manages users and has staff, and its groups decide who may let whom in. */
@Entity('organizations')
export class Organization {
  @PrimaryColumn({ ...ID, primaryKeyConstraintName: 'organizations_pkey' })
  id: string;

  @Column({ type: 'varchar', length: 255 })
  name: string;

  @Column({ name: 'email_address', type: 'varchar', length: 254, nullable: true })
  emailAddress: string | null;

  @Column({ type: 'varchar', length: 35, nullable: true })
  locale: string | null;

  /** Whether its staff must sign in with a passkey. */
  @Column({ name: 'requires_passkeys', type: 'boolean', default: false })
  requiresPasskeys: boolean;

  @Column({ name: 'created_at', ...INSTANT })
  createdAt: Date;

  /** How many users the organization manages. The database counts them. */
  @Column({ name: 'user_count', type: 'integer', default: 0, insert: false, update: false })
  userCount: number;

  /** How many groups the organization has. The database counts them. */
  @Column({ name: 'group_count', type: 'integer', default: 0, insert: false, update: false })
  groupCount: number;
}
