import { instantOfLogin, readLoginId } from '../common/login-id.js';
import { fromMilliseconds } from '../database/database.js';
import { RANK } from './position.js';
import type { LoginEvent } from './recorded-events.js';

/** The columns of a login token `t` and its delegation `d` that its events show. */
export const LOGIN_COLUMNS = `t."id", t."user_id" AS "userId", d."caller_id" AS "actorId", d."client_id" AS "clientId", d."group_id" AS "groupId"`;

/** The row of a login. A session's has the instant at which it started too. */
export interface LoginRow {
  id: Buffer | string;
  userId: string;
  actorId: string;
  clientId: string;
  groupId: string;
  createdAt?: number | string;
}

/** The event that a row of a login token is. */
export function toIssued(row: LoginRow): LoginEvent {
  const id = readLoginId(row.id);
  return { ...row, id, at: instantOfLogin(id), rank: RANK.ISSUED, event: 'ACCESS_ISSUED' };
}

/** The event that a row of a session is. */
export function toStarted(row: LoginRow): LoginEvent {
  const at = fromMilliseconds(row.createdAt!);
  return { ...row, id: readLoginId(row.id), at, rank: RANK.STARTED, event: 'SESSION_STARTED' };
}
