import type { SelectQueryBuilder } from 'typeorm';
import { grants, keepsFrame, keepsTarget } from '../access/access.policy.js';
import { Session } from './session.entity.js';

const GRANTED = `EXISTS (SELECT 1 ${grants({ caller: 't."caller_id"', client: 't."client_id"', user: 't."user_id"' })})`;

/** Of the sessions `s`, with the login tokens `t` that they came from, those that a browser could still use. */
export function onlyLive(
  sessions: SelectQueryBuilder<Session>,
  { now, idleSince }: { now: Date; idleSince: Date },
): SelectQueryBuilder<Session> {
  return sessions
    .innerJoin('s.loginToken', 't')
    .andWhere('s.endedAt IS NULL AND s.expiresAt > :now AND s.lastSeenAt > :idleSince', { now, idleSince })
    .andWhere(`t.revokedAt IS NULL AND ${keepsFrame('t')} AND ${GRANTED}`);
}

/** Of the login tokens `t`, those that could still start a session. */
export function onlyOutstanding<Entity extends object>(
  tokens: SelectQueryBuilder<Entity>,
  now: Date,
): SelectQueryBuilder<Entity> {
  return tokens.andWhere('t.revokedAt IS NULL AND t.expiresAt > :now', { now })
    .andWhere(`NOT EXISTS (SELECT 1 FROM "sessions" s WHERE s."login_token_id" = t."id")
      AND ${keepsFrame('t')} AND ${keepsTarget('t')} AND ${GRANTED}`);
}
