import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { EndReason } from './audit-events.js';
import { BYTES, ID, LOGIN_ID, MILLISECONDS } from '../../database/column-types.js';

/**
 * A browser that was let in by a login token. The row is the audit log's event `SESSION_STARTED` as well: the database
 * refuses to change it, except for its last use and its end, and to delete it on its first day.
 */
@Entity('sessions', { withoutRowid: true })
@Index('sessions_created_idx', ['createdAt'])
@Index('sessions_old_cookie_key', ['secretHash'], { unique: true, where: '"has_old_cookie" = TRUE' })
export class Session {
  /**
   * The ID of its login token. Being the primary key, it makes a login token work only once. As a handle it identifies
   * the session in lists and records. It gives no access.
   */
  @PrimaryColumn({ ...LOGIN_ID, primaryKeyConstraintName: 'sessions_pkey' })
  id: Buffer | string;

  /** Also the time when the login token was redeemed. */
  @Column({ name: 'created_at', ...MILLISECONDS })
  createdAt: number | string;

  /** To the minute. */
  @Column({ name: 'last_seen_at', ...MILLISECONDS })
  lastSeenAt: number | string;

  /** The end of its absolute lifetime, or when it was ended. */
  @Column({ name: 'ends_at', ...MILLISECONDS })
  endsAt: number | string;

  /** Whether its cookie is from before cookies began with the handle, so that the secret's hash finds the session. */
  @Column({ name: 'has_old_cookie', type: 'boolean', default: false })
  hasOldCookie: boolean;

  /** SHA-256 of the cookie's secret. */
  @Column({ name: 'secret_hash', ...BYTES })
  secretHash: Buffer;

  /** The browser and system in our own words: `Firefox on Windows`. */
  @Column({ type: 'varchar', length: 64, nullable: true })
  device: string | null;

  /** Why the session ended early. */
  @Column({ name: 'end_reason', type: 'varchar', length: 16, nullable: true })
  endReason: EndReason | null;

  /** Who ended the session; `null` if its user or browser did. */
  @Column({ name: 'ended_by', ...ID, nullable: true })
  endedBy: string | null;

  @Column({ name: 'ended_by_client_id', type: 'varchar', length: 32, nullable: true })
  endedByClientId: string | null;

  /** The request that ended it. */
  @Column({ name: 'ended_by_request_id', type: 'varchar', length: 36, nullable: true })
  endedByRequestId: string | null;
}
