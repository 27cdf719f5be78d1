import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { ID, LOGIN_ID, MILLISECONDS } from '../../database/column-types.js';
import { Client } from './client.entity.js';

/**
 * What an application knows of a session.
 *
 * - `LIVE`: the session was live when it was last looked at
 * - `DUE`: the session has ended, and the application has not confirmed it yet
 * - `NOTIFIED`: the application has confirmed that its session has ended
 * - `FAILED`: the application has not confirmed it in time, and is not asked again
 * - `ENDED`: the session has ended, and the application has no address for logout tokens
 */
export const APPLICATION_SESSION_STATES = ['LIVE', 'DUE', 'NOTIFIED', 'FAILED', 'ENDED'] as const;
export type ApplicationSessionState = (typeof APPLICATION_SESSION_STATES)[number];

/** An application that a session has signed its user in to. */
@Entity('application_sessions')
@Index('application_sessions_session_key', ['sessionId', 'clientId'], {
  unique: true,
  where: '"session_id" IS NOT NULL',
})
@Index('application_sessions_sign_in_key', ['signInUid', 'clientId'], {
  unique: true,
  where: '"sign_in_uid" IS NOT NULL',
})
@Index('application_sessions_client_idx', ['clientId', 'state', 'endedAt'])
@Index('application_sessions_next_at_idx', ['nextAt'], { where: '"next_at" IS NOT NULL' })
@Index('application_sessions_ended_at_idx', ['endedAt'], { where: '"ended_at" IS NOT NULL' })
@Check('application_sessions_state_check', `"state" IN ('LIVE', 'DUE', 'NOTIFIED', 'FAILED', 'ENDED')`)
@Check('application_sessions_of_one_check', `("session_id" IS NULL) <> ("sign_in_uid" IS NULL)`)
export class ApplicationSession {
  @PrimaryColumn({ ...ID, primaryKeyConstraintName: 'application_sessions_pkey' })
  id: string;

  @Column({ name: 'client_id', type: 'varchar', length: 32 })
  clientId: string;

  @ManyToOne(() => Client, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'client_id', foreignKeyConstraintName: 'application_sessions_client_fkey' })
  client: Relation<Client>;

  /** No foreign key: applications are told of the end of a session also if the account has been deleted. */
  @Column({ name: 'user_id', ...ID })
  userId: string;

  /** The session of a login token that it came from, or `null`. */
  @Column({ name: 'session_id', ...LOGIN_ID, nullable: true })
  sessionId: Buffer | string | null;

  /** The `uid` of the sign-in session that it came from, or `null`. */
  @Column({ name: 'sign_in_uid', type: 'varchar', length: 64, nullable: true })
  signInUid: string | null;

  /** The claim `sid` by which the application knows the session. */
  @Column({ type: 'varchar', length: 64 })
  sid: string;

  @Column({ type: 'varchar', length: 16 })
  state: ApplicationSessionState;

  @Column({ name: 'created_at', ...MILLISECONDS })
  createdAt: number | string;

  /** When a worker looks at the row again; 0 for at once, `null` for never. Triggers set it when the session ends early. */
  @Column({ name: 'next_at', ...MILLISECONDS, nullable: true })
  nextAt: number | string | null;

  /** How often a logout token was sent. */
  @Column({ type: 'integer', default: 0 })
  attempts: number;

  @Column({ name: 'last_attempt_at', ...MILLISECONDS, nullable: true })
  lastAttemptAt: number | string | null;

  /** When the end of the session was noticed. */
  @Column({ name: 'ended_at', ...MILLISECONDS, nullable: true })
  endedAt: number | string | null;

  /** Why the last attempt failed, in our own words. */
  @Column({ name: 'last_error', type: 'varchar', length: 255, nullable: true })
  lastError: string | null;
}
