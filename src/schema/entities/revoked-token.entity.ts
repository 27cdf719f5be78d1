import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { INSTANT } from '../../database/column-types.js';

/** An access token that was revoked before it expired (RFC 7009), or all tokens of one grant. */
@Entity('revoked_tokens')
export class RevokedToken {
  /** The `jti` of the token, or the `grant_id` of a family. */
  @PrimaryColumn({ type: 'varchar', length: 64, primaryKeyConstraintName: 'revoked_tokens_pkey' })
  id: string;

  /** When every token concerned has expired by itself. */
  @Index('revoked_tokens_expires_at_idx')
  @Column({ name: 'expires_at', ...INSTANT })
  expiresAt: Date;
}
