import { Check, Column, Entity, Index, JoinColumn, ManyToOne, OneToMany, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { BOUND, ID, INSTANT, MILLISECONDS } from '../../database/column-types.js';
import type { AuditEventName } from './audit-events.js';
import { Organization } from './organization.entity.js';
import { WebhookKey } from './webhook-key.entity.js';

export const WEBHOOK_STATUSES = ['ENABLED', 'DISABLED'] as const;
export type WebhookStatus = (typeof WEBHOOK_STATUSES)[number];

/**
 * Why an endpoint gets no events any more.
 *
 * - `BY_ADMINISTRATOR`: an administrator has disabled it
 * - `GONE`: it has answered 410
 * - `FAILING`: it has taken no event for three days
 */
export const WEBHOOK_DISABLED_REASONS = ['BY_ADMINISTRATOR', 'GONE', 'FAILING'] as const;
export type WebhookDisabledReason = (typeof WEBHOOK_DISABLED_REASONS)[number];

export const MAX_WEBHOOK_URL = 2000;

/** Where an organization receives its events, and how far it has received them. */
@Entity('webhook_endpoints')
@Index('webhook_endpoints_organization_idx', ['organizationId'])
@Index('webhook_endpoints_lease_idx', ['leaseUntil'], { where: `"status" = 'ENABLED'` })
@Check('webhook_endpoints_status_check', `"status" IN ('ENABLED', 'DISABLED')`)
@Check('webhook_endpoints_disabled_reason_check', `"disabled_reason" IN ('BY_ADMINISTRATOR', 'GONE', 'FAILING')`)
@Check('webhook_endpoints_disabled_check', `("status" = 'DISABLED') = ("disabled_reason" IS NOT NULL)`)
export class WebhookEndpoint {
  @PrimaryColumn({ ...ID, primaryKeyConstraintName: 'webhook_endpoints_pkey' })
  id: string;

  @Column({ name: 'organization_id', ...ID })
  organizationId: string;

  @ManyToOne(() => Organization, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'organization_id', foreignKeyConstraintName: 'webhook_endpoints_organization_fkey' })
  organization: Relation<Organization>;

  @OneToMany(() => WebhookKey, ({ endpoint }) => endpoint)
  keys: Relation<WebhookKey>[];

  @Column({ type: 'varchar', length: MAX_WEBHOOK_URL })
  url: string;

  @Column({ type: 'varchar', length: 255, nullable: true })
  description: string | null;

  /** The names of the events that it gets, as JSON; `null` for all. */
  @Column({
    type: 'text',
    nullable: true,
    transformer: {
      to: (list?: string[]) => list && (list.length > 0 ? JSON.stringify(list) : null),
      from: (json: string | null) => (json === null ? [] : (JSON.parse(json) as string[])),
    },
  })
  events: AuditEventName[];

  @Column({ name: 'created_at', ...INSTANT })
  createdAt: Date;

  @Column({ type: 'varchar', length: 16 })
  status: WebhookStatus;

  @Column({ name: 'disabled_reason', type: 'varchar', length: 32, nullable: true })
  disabledReason: WebhookDisabledReason | null;

  /** Grows with each change by an administrator, so that the instance that sends notices it. */
  @Column({ type: 'integer', default: 1 })
  version: number;

  // The place in the record up to which everything is delivered.

  @Column({ name: 'cursor_at', ...BOUND, nullable: false })
  cursorAt: Date;

  @Column({ name: 'cursor_rank', type: 'smallint' })
  cursorRank: number;

  @Column({ name: 'cursor_id', type: 'varchar', length: 36 })
  cursorId: string;

  // The place that a replay has reached, and where it ends; `null` if there is none.

  @Column({ name: 'replay_at', ...BOUND })
  replayAt: Date | null;

  @Column({ name: 'replay_rank', type: 'smallint', nullable: true })
  replayRank: number | null;

  @Column({ name: 'replay_id', type: 'varchar', length: 36, nullable: true })
  replayId: string | null;

  @Column({ name: 'replay_until', ...BOUND })
  replayUntil: Date | null;

  /** How often it has failed since it has last taken an event. */
  @Column({ type: 'integer', default: 0 })
  failures: number;

  @Column({ name: 'failing_since', ...BOUND })
  failingSince: Date | null;

  /** When it is tried again after a failure. */
  @Column({ name: 'next_at', ...BOUND })
  nextAt: Date | null;

  /** Why it failed last, in our own words. */
  @Column({ name: 'last_error', type: 'varchar', length: 255, nullable: true })
  lastError: string | null;

  @Column({ name: 'last_success_at', ...BOUND })
  lastSuccessAt: Date | null;

  /** The instance that sends to it, and until when no other does, in milliseconds since 1970. */
  @Column({ name: 'lease_owner', ...ID, nullable: true })
  leaseOwner: string | null;

  @Column({ name: 'lease_until', ...MILLISECONDS, default: 0 })
  leaseUntil: number | string;
}
