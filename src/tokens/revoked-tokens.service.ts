import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { addSeconds } from '../common/clock.js';
import { Database } from '../database/database.js';
import type { Statement } from '../database/statement.js';
import { USUAL_LIFETIME } from './signing-keys.service.js';

/** The end of an INSERT. A family may be revoked a second time, with tokens that expire later than those before. */
export const KEEP_LATER_EXPIRY = `ON CONFLICT ("id") DO UPDATE SET "expires_at" = excluded."expires_at"
        WHERE "revoked_tokens"."expires_at" < excluded."expires_at"`;

const REVOKE: Statement = {
  name: 'revoke_token',
  sql: `INSERT INTO "revoked_tokens" ("id", "expires_at") VALUES ($1, $2) ${KEEP_LATER_EXPIRY} RETURNING "id"`,
};

/** Seconds after its `exp` in which a token may still be accepted somewhere. */
const LEEWAY = 120;

/** Seconds after which every token of a family that gets no more tokens has expired. */
export const FAMILY_LIFETIME = USUAL_LIFETIME + LEEWAY;

/** Access tokens that were revoked before they expired. */
@Injectable()
export class RevokedTokensService {
  constructor(private readonly database: Database) {}

  /**
   * Revokes the access token with this `jti`, or all tokens of the family with this `grant_id`; they expire at `last`
   * at the latest. Uses the transaction of `db` if one is given. Of any number of concurrent calls with the same ID,
   * one returns `true`; the others change nothing.
   */
  async revoke(id: string, last: Date, db?: EntityManager): Promise<boolean> {
    const parameters = [id, addSeconds(last, LEEWAY)];
    const rows = db
      ? await this.database.within(db, REVOKE, parameters)
      : await this.database.write(REVOKE, parameters);
    return rows.length > 0;
  }
}
