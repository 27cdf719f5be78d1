import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Caller } from '../auth/caller.js';
import { addSeconds, Clock } from '../common/clock.js';
import { LONGEST_SESSION_SECONDS } from '../config/settings.js';
import { Database } from '../database/database.js';
import type { Parameter, Statement } from '../database/statement.js';
import { grants } from './access.policy.js';

const TOKEN = '"login_tokens"';
const GRANTED = grants({
  caller: `${TOKEN}."caller_id"`,
  client: `${TOKEN}."client_id"`,
  user: `${TOKEN}."user_id"`,
});

const SET = `UPDATE ${TOKEN} SET "revoked_at" = $2, "revoked_by" = $4, "revoked_by_client_id" = $5`;

const REVOKE: Statement[] = ['user_id', 'caller_id'].map((column) => ({
  name: `revoke_login_tokens_by_${column}`,
  sql: `${SET} WHERE "${column}" = $1 AND "revoked_at" IS NULL AND "expires_at" > $3 AND NOT EXISTS (SELECT 1 ${GRANTED})`,
}));

const REVOKE_OF_KEY: Statement = {
  name: 'revoke_login_tokens_of_key',
  sql: `${SET} WHERE "key_id" = $1 AND "revoked_at" IS NULL AND "expires_at" > $3`,
};

/** What a login token came from, and goes with. */
const ORIGINS = { account: ['user_id', 'caller_id'], group: ['group_id'], client: ['client_id'] } as const;

const REVOKE_ALL = Object.fromEntries(
  Object.values(ORIGINS)
    .flat()
    .map((column) => [
      column,
      {
        name: `revoke_every_login_token_by_${column}`,
        sql: `${SET} WHERE "${column}" = $1 AND "revoked_at" IS NULL AND "expires_at" > $3`,
      },
    ]),
) as Record<(typeof ORIGINS)[keyof typeof ORIGINS][number], Statement>;

/** Makes it final that a right is gone. */
@Injectable()
export class RevocationService {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /**
   * Revokes the login tokens that the policy no longer allows, and so ends the sessions that came from them, for good:
   * a right that is given back later revives none. Runs in the transaction that took the right away; `account` lost
   * something, as the one who was let in or as the one who let others in, and `by` took it away.
   */
  async revokeWhatIsNoLongerGranted(db: EntityManager, account: string, by: Caller | null): Promise<void> {
    for (const statement of REVOKE) await this.database.within(db, statement, this.parametersOf(account, by));
  }

  /**
   * Revokes every login token that came from what is about to be deleted. Without it they would be gone as well, but nothing
   * would say that their sessions have ended, and by whom.
   */
  async revokeAllOf(db: EntityManager, origin: keyof typeof ORIGINS, id: string, by: Caller | null): Promise<void> {
    for (const column of ORIGINS[origin]) await this.database.within(db, REVOKE_ALL[column], this.parametersOf(id, by));
  }

  /** Revokes the login tokens that a service account obtained with a key, with the sessions that came from them. */
  async revokeWhatWasObtainedWith(db: EntityManager, keyId: string, by: Caller | null): Promise<void> {
    await this.database.within(db, REVOKE_OF_KEY, this.parametersOf(keyId, by));
  }

  private parametersOf(id: string, by: Caller | null): Parameter[] {
    const now = this.clock.now();
    // No session can be left of an older one. A busy caller has millions of those.
    const since = addSeconds(now, -LONGEST_SESSION_SECONDS);
    return [id, now, since, by?.userId ?? null, by?.clientId ?? null];
  }
}
