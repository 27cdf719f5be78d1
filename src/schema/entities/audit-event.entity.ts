import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';
import { ID, INSTANT, SERIAL } from '../../database/column-types.js';
import type { AuditEventName } from './audit-events.js';

/**
 * An event of the audit log. Rows are only added: the database refuses to change a row, or to delete one that is
 * younger than a day. They outlive what they refer to, so there are no foreign keys. They contain no secrets.
 */
@Entity('audit_events')
@Index('audit_events_organization_idx', ['organizationId', 'at', 'id'])
@Index('audit_events_event_idx', ['organizationId', 'event', 'at', 'id'])
@Index('audit_events_user_idx', ['organizationId', 'userId', 'at', 'id'])
@Index('audit_events_actor_idx', ['organizationId', 'actorId', 'at', 'id'])
@Index('audit_events_client_idx', ['organizationId', 'clientId', 'at', 'id'])
@Index('audit_events_group_idx', ['organizationId', 'groupId', 'at', 'id'], { where: '"group_id" IS NOT NULL' })
@Index('audit_events_request_idx', ['requestId', 'organizationId', 'at', 'id'], { where: '"request_id" IS NOT NULL' })
@Index('audit_events_token_idx', ['tokenId', 'organizationId', 'at', 'id'], { where: '"token_id" IS NOT NULL' })
export class AuditEvent {
  /**
   * Grows with each row and is never reused. It is text on PostgreSQL, because its driver returns large numbers as
   * text.
   */
  @PrimaryGeneratedColumn('increment', { type: SERIAL, primaryKeyConstraintName: 'audit_events_pkey' })
  id: number | string;

  /** Earlier versions wrote it to the second. */
  @Column({ ...INSTANT })
  at: Date;

  @Column({ type: 'varchar', length: 32 })
  event: AuditEventName;

  /** The organization whose administrators see the event; `null` if none is concerned. */
  @Column({ name: 'organization_id', ...ID, nullable: true })
  organizationId: string | null;

  /** The user whom the event is about: the `sub` of a token, the user of a session. */
  @Column({ name: 'user_id', ...ID, nullable: true })
  userId: string | null;

  /** Who did it: the `act` of a token, the actor of a session; `null` for an operator on the command line. */
  @Column({ name: 'actor_id', ...ID, nullable: true })
  actorId: string | null;

  /** The client that it was done with. */
  @Column({ name: 'client_id', type: 'varchar', length: 32, nullable: true })
  clientId: string | null;

  @Column({ name: 'group_id', ...ID, nullable: true })
  groupId: string | null;

  /** The `jti` of the token that the event is about. It identifies the token and proves nothing. */
  @Column({ name: 'token_id', type: 'varchar', length: 64, nullable: true })
  tokenId: string | null;

  /** The session of an earlier version. Now a session has the ID of its login token. */
  @Column({ name: 'session_id', ...ID, nullable: true })
  sessionId: string | null;

  /** The rule that refused (docs/api.md, section 4.2). */
  @Column({ type: 'integer', nullable: true })
  rule: number | null;

  /** `AuditDetails` as JSON. */
  @Column({ type: 'text', nullable: true })
  details: string | null;

  /** The `X-Request-Id` of the request that caused the event; `null` on the command line. */
  @Column({ name: 'request_id', type: 'varchar', length: 36, nullable: true })
  requestId: string | null;
}
