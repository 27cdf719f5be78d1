import { Check, Column, Entity, PrimaryColumn } from 'typeorm';
import { INSTANT } from '../../database/column-types.js';

/**
 * What a key signs: login tokens, callers' access tokens, or ID tokens and logout tokens for applications, by the
 * algorithm that the application has registered. No key has two purposes.
 */
export type KeyPurpose = 'LOGIN' | 'ACCESS' | 'ID_RS256' | 'ID_ES256' | 'ID_EDDSA';

@Entity('signing_keys')
@Check('signing_keys_purpose_check', `"purpose" IN ('LOGIN', 'ACCESS', 'ID_RS256', 'ID_ES256', 'ID_EDDSA')`)
@Check('signing_keys_algorithm_check', `"algorithm" IN ('HS256', 'ES256', 'RS256', 'EdDSA')`)
export class SigningKey {
  /** Random. It reveals nothing about the key. */
  @PrimaryColumn({ type: 'varchar', length: 22, primaryKeyConstraintName: 'signing_keys_pkey' })
  kid: string;

  @Column({ type: 'varchar', length: 16 })
  purpose: KeyPurpose;

  /** The only algorithm that the key signs and verifies with (RFC 8725, section 3.1). */
  @Column({ type: 'varchar', length: 16 })
  algorithm: 'HS256' | 'ES256' | 'RS256' | 'EdDSA';

  /** The key as a JWK, encrypted under SECRET_KEY, so that nobody can sign with a copy of the database. */
  @Column({ name: 'sealed_jwk', type: 'text' })
  sealedJwk: string;

  @Column({ name: 'created_at', ...INSTANT })
  createdAt: Date;

  /** From this instant on the key signs, unless a later key does. Until then it is only published. */
  @Column({ name: 'signs_from', ...INSTANT })
  signsFrom: Date;

  /** When the last token with an unusually long lifetime expires that the key has signed. */
  @Column({ name: 'needed_until', ...INSTANT, nullable: true })
  neededUntil: Date | null;

  /** From this instant on the key neither signs nor verifies. */
  @Column({ name: 'retired_at', ...INSTANT, nullable: true })
  retiredAt: Date | null;
}
