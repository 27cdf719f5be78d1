import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { addSeconds, Clock } from '../common/clock.js';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import type { Statement } from '../database/statement.js';
import { grants } from './access.policy.js';

const TOKEN = '"login_tokens"';
const GRANTED = grants({
  caller: `${TOKEN}."caller_id"`,
  client: `${TOKEN}."client_id"`,
  user: `${TOKEN}."user_id"`,
});

const REVOKE: Statement[] = ['user_id', 'caller_id'].map((column) => ({
  name: `revoke_login_tokens_by_${column}`,
  sql: `UPDATE ${TOKEN} SET "revoked_at" = $2
        WHERE "${column}" = $1 AND "revoked_at" IS NULL AND "expires_at" > $3 AND NOT EXISTS (SELECT 1 ${GRANTED})`,
}));

const REVOKE_OF_KEY: Statement = {
  name: 'revoke_login_tokens_of_key',
  sql: `UPDATE ${TOKEN} SET "revoked_at" = $2 WHERE "key_id" = $1 AND "revoked_at" IS NULL AND "expires_at" > $3`,
};

/** Makes it final that a right is gone. */
@Injectable()
export class RevocationService {
  constructor(
    private readonly database: Database,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /**
   * Revokes the login tokens that the policy no longer allows, and so ends the sessions that came from them, for good:
   * a right that is given back later revives none. Runs in the transaction that took the right away; `account` lost
   * something, as the one who was let in or as the one who let others in.
   */
  async revokeWhatIsNoLongerGranted(db: EntityManager, account: string): Promise<void> {
    for (const statement of REVOKE) await this.within(db, statement, account);
  }

  /** Revokes the login tokens that a service account obtained with a key, with the sessions that came from them. */
  async revokeWhatWasObtainedWith(db: EntityManager, keyId: string): Promise<void> {
    await this.within(db, REVOKE_OF_KEY, keyId);
  }

  private async within(db: EntityManager, statement: Statement, id: string): Promise<void> {
    const now = this.clock.now();
    // No session can be left of an older one. A busy caller has millions of those.
    const since = addSeconds(now, -this.settings.SESSION_LIFETIME);
    await this.database.within(db, statement, [id, now, since]);
  }
}
