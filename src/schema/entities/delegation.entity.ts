import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';
import { ID } from '../../database/column-types.js';

/**
 * A way in: who lets users in, through which client, with which key and by which group. Logins refer to it by a short
 * number, and one index finds all logins of a caller, a client, a group, or a key. Rows are added when a way is first
 * used, and never change. They outlive what they name, because the audit log names it, so there are no foreign keys.
 */
@Entity('delegations')
@Index('delegations_key', ['callerId', 'clientId', 'groupId', 'keyId', 'isImported'], { unique: true })
export class Delegation {
  @PrimaryGeneratedColumn('increment', { primaryKeyConstraintName: 'delegations_pkey' })
  id: number;

  /** The account that calls. */
  @Column({ name: 'caller_id', ...ID })
  callerId: string;

  @Index('delegations_client_idx')
  @Column({ name: 'client_id', type: 'varchar', length: 32 })
  clientId: string;

  /** A group that the user had joined and that the caller managed. */
  @Index('delegations_group_idx')
  @Column({ name: 'group_id', ...ID })
  groupId: string;

  /** The service account's key; empty for a caller without keys, because a unique index takes NULLs for different. */
  @Index('delegations_key_id_idx')
  @Column({ name: 'key_id', ...ID, default: '' })
  keyId: string;

  /** The organization of the group, on whose staff the caller is. Its administrators see the logins in their record. */
  @Index('delegations_organization_idx')
  @Column({ name: 'organization_id', ...ID })
  organizationId: string;

  @Column({ name: 'organization_number', type: 'integer' })
  organizationNumber: number;

  /** Whether its logins come from an earlier version, whose audit events have rows of their own. */
  @Column({ name: 'is_imported', type: 'boolean', default: false })
  isImported: boolean;
}
