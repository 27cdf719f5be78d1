import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/** The one row that instances write to see whether the database accepts writes. */
@Entity('write_checks')
@Check('write_checks_id_check', `"id" = 1`)
export class WriteCheck {
  @PrimaryColumn({ type: 'smallint', primaryKeyConstraintName: 'write_checks_pkey' })
  id: number;

  /** Grows with each look: SQLite writes nothing for a value that stays the same. */
  @Column({ type: 'bigint' })
  count: string;
}
