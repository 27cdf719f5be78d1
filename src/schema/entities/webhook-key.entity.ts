import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { BOUND, ID, INSTANT } from '../../database/column-types.js';
import { WebhookEndpoint } from './webhook-endpoint.entity.js';

/** `ED25519` signs with a private key, whose public half verifies. `HMAC` signs and verifies with one secret. */
export const WEBHOOK_KEY_TYPES = ['ED25519', 'HMAC'] as const;
export type WebhookKeyType = (typeof WEBHOOK_KEY_TYPES)[number];

/** A key that signs what an endpoint gets. After a rotation, the old ones sign beside the new one for a day. */
@Entity('webhook_keys')
@Index('webhook_keys_endpoint_idx', ['endpointId'])
@Check('webhook_keys_type_check', `"type" IN ('ED25519', 'HMAC')`)
export class WebhookKey {
  @PrimaryColumn({ ...ID, primaryKeyConstraintName: 'webhook_keys_pkey' })
  id: string;

  @Column({ name: 'endpoint_id', ...ID })
  endpointId: string;

  @ManyToOne(() => WebhookEndpoint, ({ keys }) => keys, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'endpoint_id', foreignKeyConstraintName: 'webhook_keys_endpoint_fkey' })
  endpoint: Relation<WebhookEndpoint>;

  @Column({ type: 'varchar', length: 16 })
  type: WebhookKeyType;

  /** `whpk_…`, or `null` for a secret. */
  @Column({ name: 'public_key', type: 'varchar', length: 64, nullable: true })
  publicKey: string | null;

  /** The private key or the secret, encrypted under SECRET_KEY, so that nobody can sign with a copy of the database. */
  @Column({ name: 'sealed_key', type: 'text' })
  sealedKey: string;

  @Column({ name: 'created_at', ...INSTANT })
  createdAt: Date;

  /** When it stops to sign; `null` for the latest key. */
  @Column({ name: 'signs_until', ...BOUND })
  signsUntil: Date | null;
}
