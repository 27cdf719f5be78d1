import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/** The history of PostgreSQL on which everything in this database is valid. SQLite has no row. */
@Entity('server_histories')
@Check('server_histories_id_check', `"id" = 1`)
export class ServerHistory {
  @PrimaryColumn({ type: 'smallint', primaryKeyConstraintName: 'server_histories_pkey' })
  id: number;

  /** The system identifier and the timeline: `7712964988147589062/1`. A failover begins a new timeline. */
  @Column({ type: 'varchar', length: 40 })
  history: string;
}
