import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { ID, INSTANT } from '../../database/column-types.js';

/** A record of the authorization server: a sign-in session, an interaction, a grant, a code or a refresh token. */
@Entity('oauth_records')
export class OAuthRecord {
  /** SHA-256 of the kind and the identifier, because the identifier of a code or refresh token is its value. */
  @PrimaryColumn({ type: 'varchar', length: 43, primaryKeyConstraintName: 'oauth_records_pkey' })
  id: string;

  /** The engine's name for the kind, such as `AuthorizationCode`. */
  @Column({ type: 'varchar', length: 32 })
  kind: string;

  /** JSON without the identifier. */
  @Column({ type: 'text' })
  payload: string;

  /** The grant that the record belongs to, so that a family of tokens can be revoked. */
  @Index('oauth_records_grant_idx')
  @Column({ name: 'grant_id', type: 'varchar', length: 64, nullable: true })
  grantId: string | null;

  /** The uid of a sign-in session, or the hash of the secret of the browser in which somebody signed in by an interaction. */
  @Index('oauth_records_uid_idx')
  @Column({ type: 'varchar', length: 64, nullable: true })
  uid: string | null;

  /** The client that the record was made for. It is deleted with the client. A sign-in session belongs to no client. */
  @Index('oauth_records_client_idx')
  @Column({ name: 'client_id', type: 'varchar', length: 32, nullable: true })
  clientId: string | null;

  /**
   * Whoever signed in for the record, or has just given the right password. It is deleted with the account, and when
   * the password changes.
   */
  @Index('oauth_records_account_idx')
  @Column({ name: 'account_id', ...ID, nullable: true })
  accountId: string | null;

  /** When a code, refresh token or interaction was used; for a sign-in session, when it was ended before its time. */
  @Column({ name: 'consumed_at', ...INSTANT, nullable: true })
  consumedAt: Date | null;

  @Index('oauth_records_expires_at_idx')
  @Column({ name: 'expires_at', ...INSTANT })
  expiresAt: Date;
}
