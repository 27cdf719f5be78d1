import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { ID, INSTANT } from '../../database/column-types.js';

/** What the authorization server keeps: sign-in sessions, interactions, grants, codes and refresh tokens. */
@Entity('oauth_records')
export class OAuthRecord {
  /** SHA-256 of kind and identifier: the identifier of a code or refresh token is its value. */
  @PrimaryColumn({ type: 'varchar', length: 43, primaryKeyConstraintName: 'oauth_records_pkey' })
  id: string;

  /** The engine's name for it, such as `AuthorizationCode`. */
  @Column({ type: 'varchar', length: 32 })
  kind: string;

  /** JSON, without the identifier. */
  @Column({ type: 'text' })
  payload: string;

  /** What was granted with it, so that a family of tokens can be revoked. */
  @Index('oauth_records_grant_idx')
  @Column({ name: 'grant_id', type: 'varchar', length: 64, nullable: true })
  grantId: string | null;

  @Index('oauth_records_uid_idx')
  @Column({ type: 'varchar', length: 64, nullable: true })
  uid: string | null;

  /** The client that it was made for, with which it goes. A sign-in session is of no client. */
  @Index('oauth_records_client_idx')
  @Column({ name: 'client_id', type: 'varchar', length: 32, nullable: true })
  clientId: string | null;

  /** Who signed in for it, or has just given the right password: with the account, and with its password, it goes. */
  @Index('oauth_records_account_idx')
  @Column({ name: 'account_id', ...ID, nullable: true })
  accountId: string | null;

  @Column({ name: 'consumed_at', ...INSTANT, nullable: true })
  consumedAt: Date | null;

  @Index('oauth_records_expires_at_idx')
  @Column({ name: 'expires_at', ...INSTANT })
  expiresAt: Date;
}
