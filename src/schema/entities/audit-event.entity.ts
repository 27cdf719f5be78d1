import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';
import { ID, INSTANT, SERIAL } from '../../database/column-types.js';
import type { AuditEventName } from './audit-events.js';

/**
 * What happened, when, to whom and by whom. Rows are only added: the database refuses to change one, and to delete one that is
 * younger than a day. They outlive what they name, so there are no foreign keys; and no secret is in them.
 */
@Entity('audit_events')
@Index('audit_events_organization_idx', ['organizationId', 'at', 'id'])
@Index('audit_events_event_idx', ['organizationId', 'event', 'at', 'id'])
@Index('audit_events_user_idx', ['organizationId', 'userId', 'at', 'id'])
@Index('audit_events_actor_idx', ['organizationId', 'actorId', 'at', 'id'])
@Index('audit_events_client_idx', ['organizationId', 'clientId', 'at', 'id'])
export class AuditEvent {
  /** Grows from row to row, and is never given again. A text on PostgreSQL, as its driver hands out large numbers. */
  @PrimaryGeneratedColumn('increment', { type: SERIAL, primaryKeyConstraintName: 'audit_events_pkey' })
  id: number | string;

  /** To the second; the order within one is that of the ids. */
  @Column({ ...INSTANT })
  at: Date;

  @Column({ type: 'varchar', length: 32 })
  event: AuditEventName;

  /** Whose administrators see it; `null` where no organization has a part in it. */
  @Column({ name: 'organization_id', ...ID, nullable: true })
  organizationId: string | null;

  /** Whom it happened to: the `sub` of tokens, the user of a session. */
  @Column({ name: 'user_id', ...ID, nullable: true })
  userId: string | null;

  /** Who did it: the `act` of tokens, the actor of a session; `null` for an operator on the command line. */
  @Column({ name: 'actor_id', ...ID, nullable: true })
  actorId: string | null;

  /** The client by which it was done. */
  @Column({ name: 'client_id', type: 'varchar', length: 32, nullable: true })
  clientId: string | null;

  @Column({ name: 'group_id', ...ID, nullable: true })
  groupId: string | null;

  /** The `jti` of the token that it is about. It names the token and proves nothing. */
  @Column({ name: 'token_id', type: 'varchar', length: 64, nullable: true })
  tokenId: string | null;

  @Column({ name: 'session_id', ...ID, nullable: true })
  sessionId: string | null;

  /** Which rule of docs/api.md, section 4.2, refused. */
  @Column({ type: 'integer', nullable: true })
  rule: number | null;

  /** `AuditDetails` as JSON. */
  @Column({ type: 'text', nullable: true })
  details: string | null;
}
