import { Injectable } from '@nestjs/common';
import { grants } from '../rights/grants.js';
import { Clock } from '../common/clock.js';
import { Database } from '../database/database.js';
import type { Statement } from '../database/statement.js';
import type { Caller } from '../common/caller.js';

/** What a token came from. When any of these is gone, the token is no longer valid. */
export interface TokenOrigin {
  caller: Caller;
  /** IDs under which the token may have been revoked: its `jti`, and its grant if it has one. */
  tokenId: string;
  grantId: string | null;
  /** The service account's key with which the token was requested. */
  keyId: string | null;
  /** The signing key of ours that signed the token. */
  kid: string;
}

/** Every condition is a look-up by primary key. A caller who acts for nobody else is their own actor. */
const IS_LIVE: Statement = {
  name: 'is_token_live',
  sql: `SELECT 1 AS "live" FROM "users" u
        JOIN "users" a ON a."id" = $2 AND a."status" = 'ACTIVE'
        JOIN "clients" c ON c."id" = $3
        WHERE u."id" = $1 AND u."status" = 'ACTIVE'
          AND NOT EXISTS (SELECT 1 FROM "revoked_tokens" r WHERE r."id" IN ($4, $5))
          AND (CAST($6 AS varchar) IS NULL OR EXISTS (
            SELECT 1 FROM "service_account_keys" k WHERE k."id" = $6 AND k."revoked_at" IS NULL))
          AND EXISTS (
            SELECT 1 FROM "signing_keys" s WHERE s."kid" = $7 AND (s."retired_at" IS NULL OR s."retired_at" > $8))`,
};

/** A token for acting for a user is valid only while the policy lets the actor let that user in. */
const IS_LIVE_FOR_ACTOR: Statement = {
  name: 'is_delegated_token_live',
  sql: `${IS_LIVE.sql} AND EXISTS (SELECT 1 ${grants({ caller: '$2', client: '$3', user: '$1', now: '$9' })})`,
};

/** Checks whether what a token came from still exists. */
@Injectable()
export class TokenStateService {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /** Queries the database, in one round trip. */
  async isLive({ caller, tokenId, grantId, keyId, kid }: TokenOrigin): Promise<boolean> {
    const { userId, actorId = userId, clientId } = caller;
    const now = this.clock.now();
    const parameters = [userId, actorId, clientId, tokenId, grantId ?? tokenId, keyId, kid, now];
    const rows =
      caller.actorId === undefined
        ? await this.database.read(IS_LIVE, parameters)
        : await this.database.read(IS_LIVE_FOR_ACTOR, [...parameters, now.getTime()]);
    return rows.length === 1;
  }
}
