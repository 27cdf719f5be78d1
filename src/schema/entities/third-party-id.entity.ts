import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn, Unique } from 'typeorm';
import type { Relation } from 'typeorm';
import { ID } from '../../database/column-types.js';
import { ThirdParty } from './third-party.entity.js';
import { User } from './user.entity.js';

/** A third party's ID for a user. It may be any text, and is compared character by character. */
@Entity('third_party_ids')
@Unique('third_party_ids_user_key', ['userId', 'thirdParty'])
export class ThirdPartyId {
  @PrimaryColumn({ name: 'third_party', type: 'varchar', length: 64, primaryKeyConstraintName: 'third_party_ids_pkey' })
  thirdParty: string;

  @PrimaryColumn({
    name: 'external_id',
    type: 'varchar',
    length: 255,
    primaryKeyConstraintName: 'third_party_ids_pkey',
  })
  externalId: string;

  @Column({ name: 'user_id', ...ID })
  userId: string;

  @ManyToOne(() => ThirdParty, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'third_party', foreignKeyConstraintName: 'third_party_ids_third_party_fkey' })
  thirdPartyEntity: Relation<ThirdParty>;

  @ManyToOne(() => User, (user) => user.thirdPartyIds, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'third_party_ids_user_fkey' })
  user: Relation<User>;
}
