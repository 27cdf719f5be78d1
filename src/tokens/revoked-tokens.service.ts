import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { addSeconds } from '../common/clock.js';
import { Database } from '../database/database.js';
import type { Statement } from '../database/statement.js';
import { USUAL_LIFETIME } from './signing-keys.service.js';

/** The end of an INSERT. A family may be revoked again, because of tokens that end later than those before. */
export const UNTIL_THE_LATER_END = `ON CONFLICT ("id") DO UPDATE SET "expires_at" = excluded."expires_at"
        WHERE "revoked_tokens"."expires_at" < excluded."expires_at"`;

const REVOKE: Statement = {
  name: 'revoke_token',
  sql: `INSERT INTO "revoked_tokens" ("id", "expires_at") VALUES ($1, $2) ${UNTIL_THE_LATER_END} RETURNING "id"`,
};

/** Seconds past its `exp` for which a token may still be taken for good somewhere. */
const LEEWAY = 120;

/** Seconds until every token of a family that gets none any more has expired. */
export const FAMILY_LIFETIME = USUAL_LIFETIME + LEEWAY;

/** The access tokens that are no longer good before they expire. */
@Injectable()
export class RevokedTokensService {
  constructor(private readonly database: Database) {}

  /**
   * Revokes the access token with the `jti`, or all of the family with the `grant_id`, that expire at `last` at the
   * latest, in the transaction of `db` if one is given. Of any number of calls at once with the same, one answers
   * `true`: the others change nothing.
   */
  async revoke(id: string, last: Date, db?: EntityManager): Promise<boolean> {
    const parameters = [id, addSeconds(last, LEEWAY)];
    const rows = db
      ? await this.database.within(db, REVOKE, parameters)
      : await this.database.write(REVOKE, parameters);
    return rows.length > 0;
  }
}
