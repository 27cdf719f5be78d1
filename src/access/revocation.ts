import type { EntityManager } from 'typeorm';
import type { Database } from '../database/database.js';
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
        WHERE "${column}" = $1 AND "revoked_at" IS NULL AND NOT EXISTS (SELECT 1 ${GRANTED})`,
}));

/**
 * Revokes the login tokens that the policy no longer allows, and so ends the sessions that came from them, for good:
 * a right that is given back later revives none. Runs in the transaction that took the right away; `account` lost
 * something, as the one who was let in or as the one who let others in.
 */
export async function revokeWhatIsNoLongerGranted(
  database: Database,
  db: EntityManager,
  account: string,
  now: Date,
): Promise<void> {
  for (const statement of REVOKE) await database.within(db, statement, [account, now]);
}
