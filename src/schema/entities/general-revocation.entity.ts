import { Entity, PrimaryColumn } from 'typeorm';

/** An instant at which everything was revoked that let somebody in: sessions, tokens, sign-ins and links. */
@Entity('general_revocations')
export class GeneralRevocation {
  /** Milliseconds since 1970. */
  @PrimaryColumn({ type: 'bigint', primaryKeyConstraintName: 'general_revocations_pkey' })
  at: number | string;
}
