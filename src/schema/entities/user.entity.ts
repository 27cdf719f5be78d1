import { Check, Column, Entity, Index, JoinColumn, ManyToOne, OneToMany, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { ID, INSTANT } from '../../database/column-types.js';
import { Organization } from './organization.entity.js';
import { EmailAddress } from './email-address.entity.js';
import { ThirdPartyId } from './third-party-id.entity.js';
import { UnverifiedEmailAddress } from './unverified-email-address.entity.js';

export type AccountType = 'USER' | 'SERVICE_ACCOUNT';
export type AccountStatus = 'ACTIVE' | 'BLOCKED';

/** An account: a person, or a service account of an organization. */
@Entity('users')
@Check('users_type_check', `"type" IN ('USER', 'SERVICE_ACCOUNT')`)
@Check('users_status_check', `"status" IN ('ACTIVE', 'BLOCKED')`)
@Index('users_organization_idx', ['organizationId', 'type', 'id'])
@Index('users_staff_organization_idx', ['staffOrganizationId', 'type', 'id'])
export class User {
  @PrimaryColumn({ ...ID, primaryKeyConstraintName: 'users_pkey' })
  id: string;

  @Column({ type: 'varchar', length: 16 })
  type: AccountType;

  @Column({ type: 'varchar', length: 16 })
  status: AccountStatus;

  @Column({ type: 'varchar', length: 255 })
  name: string;

  @Column({ type: 'varchar', length: 35, nullable: true })
  locale: string | null;

  @Column({ name: 'time_zone', type: 'varchar', length: 64, nullable: true })
  timeZone: string | null;

  @Column({ type: 'text', nullable: true })
  description: string | null;

  /** ISO 3166-1 alpha-2. */
  @Column({ type: 'varchar', length: 2, nullable: true })
  domicile: string | null;

  @Column({ name: 'year_of_birth', type: 'integer', nullable: true })
  yearOfBirth: number | null;

  /** The organization that manages the account, if any. */
  @Column({ name: 'organization_id', ...ID, nullable: true })
  organizationId: string | null;

  @ManyToOne(() => Organization, { onDelete: 'SET NULL' })
  @JoinColumn({ name: 'organization_id', foreignKeyConstraintName: 'users_organization_fkey' })
  organization: Relation<Organization> | null;

  /** The organization on whose staff the account is, if any. */
  @Column({ name: 'staff_organization_id', ...ID, nullable: true })
  staffOrganizationId: string | null;

  @ManyToOne(() => Organization, { onDelete: 'SET NULL' })
  @JoinColumn({ name: 'staff_organization_id', foreignKeyConstraintName: 'users_staff_organization_fkey' })
  staffOrganization: Relation<Organization> | null;

  @Column({ name: 'created_at', ...INSTANT })
  createdAt: Date;

  /** How many groups the account has MANAGE on. The database counts them. */
  @Column({ name: 'groups_with_manage', type: 'integer', default: 0, insert: false, update: false })
  groupsWithManage: number;

  /** How many groups the account has VIEW on. The database counts them. */
  @Column({ name: 'groups_with_view', type: 'integer', default: 0, insert: false, update: false })
  groupsWithView: number;

  @OneToMany(() => EmailAddress, (address) => address.user)
  emailAddresses: Relation<EmailAddress[]>;

  @OneToMany(() => UnverifiedEmailAddress, (address) => address.user)
  unverifiedEmailAddresses: Relation<UnverifiedEmailAddress[]>;

  @OneToMany(() => ThirdPartyId, (id) => id.user)
  thirdPartyIds: Relation<ThirdPartyId[]>;
}
