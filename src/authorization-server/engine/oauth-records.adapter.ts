import { errors } from 'oidc-provider';
import type { Adapter, AdapterPayload } from 'oidc-provider';
import { addSeconds, toNumericDate } from '../../common/clock.js';
import type { Clock } from '../../common/clock.js';
import { toInstant } from '../../database/database.js';
import type { Database } from '../../database/database.js';
import type { Statement } from '../../database/statement.js';
import { recordIdOf } from '../../sign-ins/record-id.js';
import { endsSession, hasEnded } from '../../sign-ins/session-records.js';
import { signInEnded } from '../protocol/sign-in-ended.js';
import { UsedBefore } from '../protocol/used-before.js';

const COLUMNS = `"id", "kind", "payload", "grant_id", "uid", "client_id", "account_id", "expires_at"`;

const UPSERT: Statement = {
  name: 'upsert_oauth_record',
  sql: `INSERT INTO "oauth_records" (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT ("id") DO UPDATE SET "payload" = excluded."payload", "grant_id" = excluded."grant_id", "uid" = excluded."uid",
          "client_id" = excluded."client_id", "account_id" = excluded."account_id", "expires_at" = excluded."expires_at"
        WHERE NOT (${hasEnded('"oauth_records"')})
        RETURNING "id"`,
  isRepeatable: true,
};

/** Stores a record that may exist only once: of any number of concurrent calls, one gets a row. */
export const INSERT: Statement = {
  name: 'insert_oauth_record',
  sql: `INSERT INTO "oauth_records" (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT ("id") DO NOTHING RETURNING "id"`,
};

const FOUND = `r."payload", r."consumed_at" AS "consumedAt", r."expires_at" AS "expiresAt"`;

const FIND: Statement = {
  name: 'find_oauth_record',
  sql: `SELECT ${FOUND} FROM "oauth_records" r WHERE r."id" = $1 AND r."expires_at" > $2 AND NOT (${hasEnded('r')})`,
};

const FIND_BY_UID: Statement = {
  name: 'find_oauth_record_by_uid',
  sql: `SELECT ${FOUND} FROM "oauth_records" r WHERE r."uid" = $1 AND r."kind" = $2 AND r."expires_at" > $3 AND NOT (${hasEnded('r')})`,
};

/** Seconds for which a rotated refresh token is answered again with the same new tokens. */
export const ANSWERED_AGAIN_SECONDS = 30;

/** Marks a record as used: of any number of concurrent calls, one gets a row. */
export const CONSUME: Statement = {
  name: 'consume_oauth_record',
  sql: `UPDATE "oauth_records" SET "consumed_at" = $2 WHERE "id" = $1 AND "consumed_at" IS NULL RETURNING "grant_id" AS "grantId"`,
};

export const REMOVE: Statement = {
  name: 'remove_oauth_record',
  sql: `DELETE FROM "oauth_records" WHERE "id" = $1`,
  isRepeatable: true,
};

const END_SESSION: Statement = {
  name: 'end_session_of_engine',
  sql: `UPDATE "oauth_records" SET ${endsSession('$2')} WHERE "id" = $1 AND "consumed_at" IS NULL RETURNING "id"`,
};

const HAS_ENDED: Statement = {
  name: 'has_session_ended',
  sql: `SELECT 1 AS "yes" FROM "oauth_records" r WHERE r."id" = $1 AND ${hasEnded('r')}`,
};

const REMOVE_OF_GRANT: Statement = {
  name: 'remove_oauth_records_of_grant',
  sql: `DELETE FROM "oauth_records" WHERE "grant_id" = $1 AND "kind" = $2`,
  isRepeatable: true,
};

interface Row {
  payload: string;
  consumedAt: Date | string | null;
  expiresAt: Date | string;
}

/**
 * Storage of the authorization server. Its identifiers are the values of codes, refresh tokens and cookies, so they are
 * stored as hashes and left out of the payload: nobody can use a copy of the table.
 */
export class OAuthRecords implements Adapter {
  constructor(
    private readonly kind: string,
    private readonly database: Database,
    private readonly clock: Clock,
    /** Revokes a grant's access tokens, which have no records. */
    private readonly revokeAccessTokens: (grantId: string) => Promise<void>,
  ) {}

  /**
   * Stores a record. @throws InvalidClientAuth if a client's assertion was used before, also if the engine has not seen
   * it yet; PageError for a sign-in session that has ended since the engine found it
   */
  async upsert(id: string, payload: AdapterPayload, expiresIn: number): Promise<void> {
    const isOnce = this.kind === 'ReplayDetection';
    const written = await this.database.write(isOnce ? INSERT : UPSERT, [
      this.key(id),
      this.kind,
      JSON.stringify(withoutIdentifiers(payload)),
      payload.grantId ?? null,
      uidOf(payload),
      clientOf(payload),
      accountOf(payload),
      addSeconds(this.clock.now(), expiresIn),
    ]);
    if (written.length > 0) return;
    throw isOnce ? new errors.InvalidClientAuth('the client assertion was already used') : signInEnded();
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    const [row] = await this.database.read<Row>(FIND, [this.key(id), this.clock.now()]);
    if (!row) return undefined;
    const payload = toPayload(row);
    // RefreshesService decides whether the token is refused or answered again, once the earlier answer is stored.
    if (this.kind === 'RefreshToken' && isJustRotated(row, this.clock.now())) delete payload.consumed;
    return { ...payload, jti: id };
  }

  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    const [row] = await this.database.read<Row>(FIND_BY_UID, [uid, this.kind, this.clock.now()]);
    return row && toPayload(row);
  }

  findByUserCode(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  /**
   * Marks a code or other record as used. RefreshesService consumes refresh tokens, together with their answers.
   *
   * @throws UsedBefore for all but one of several concurrent calls; whatever came from the record so far is then
   * revoked
   */
  async consume(id: string): Promise<void> {
    if (this.kind === 'RefreshToken') return;
    const consumed = await this.database.write(CONSUME, [this.key(id), this.clock.now()]);
    if (consumed.length > 0) return;
    const grantId = (await this.find(id))?.grantId;
    if (grantId) await this.revokeGrant(grantId);
    throw new UsedBefore('it was used before');
  }

  /**
   * Deletes a record. For a sign-in, it keeps what tells a browser that comes back where to go on. The engine destroys
   * a session whose identifier it changes. @throws PageError if that session has ended since the engine found it
   */
  async destroy(id: string): Promise<void> {
    const key = this.key(id);
    if (this.kind === 'Interaction') await this.database.write(CONSUME, [key, this.clock.now()]);
    else if (this.kind === 'Session') await this.endSession(key);
    else await this.database.write(REMOVE, [key]);
  }

  private async endSession(key: string): Promise<void> {
    const now = this.clock.now();
    const ended = await this.database.write(END_SESSION, [key, now]);
    if (ended.length === 0 && (await this.database.read(HAS_ENDED, [key])).length > 0) throw signInEnded();
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    // Access tokens for the API have no records.
    if (this.kind === 'AccessToken') await this.revokeAccessTokens(grantId);
    await this.database.write(REMOVE_OF_GRANT, [grantId, this.kind]);
  }

  /**
   * Revokes a grant. A concurrent call may be about to store a refresh token; without the grant, that token is useless.
   */
  private async revokeGrant(grantId: string): Promise<void> {
    await this.database.write(REMOVE, [recordIdOf('Grant', grantId)]);
    for (const kind of ['RefreshToken', 'AuthorizationCode', 'AccessToken'])
      await this.database.write(REMOVE_OF_GRANT, [grantId, kind]);
    await this.revokeAccessTokens(grantId);
  }

  private key(id: string): string {
    return recordIdOf(this.kind, id);
  }
}

/** The client of a record. An interaction has it in its authorization request. */
function clientOf({ clientId, params }: AdapterPayload): string | null {
  const id = clientId ?? (params as { client_id?: unknown } | undefined)?.client_id;
  return typeof id === 'string' ? id : null;
}

/**
 * The account of a record. For an interaction, it is whoever has just signed in there, or else whoever the browser's
 * sign-in session is for.
 */
function accountOf({ accountId, result, session }: AdapterPayload): string | null {
  const { login } = (result ?? {}) as { login?: { accountId?: string } };
  return login?.accountId ?? accountId ?? session?.accountId ?? null;
}

/**
 * By what else a record is found. For an interaction in which somebody has signed in, it is the hash of the browser's
 * secret, so that a sign-out of the browser finds it.
 */
function uidOf({ uid, result, prompt }: AdapterPayload): string | null {
  const hasSignedIn = (result as { login?: unknown } | undefined)?.login !== undefined;
  return hasSignedIn ? String(prompt?.details.browser) : (uid ?? null);
}

/**
 * A payload without identifiers. An interaction also repeats the sign-in session's cookie, which the engine does not
 * read.
 */
function withoutIdentifiers({ session, ...payload }: AdapterPayload): object {
  return { ...payload, jti: undefined, session: session && { ...session, cookie: undefined } };
}

function isJustRotated({ consumedAt }: Row, now: Date): boolean {
  return consumedAt !== null && addSeconds(toInstant(consumedAt), ANSWERED_AGAIN_SECONDS) > now;
}

function toPayload({ payload, consumedAt, expiresAt }: Row): AdapterPayload {
  // The engine's own `exp` does not change when a use prolongs the record.
  const exp = toNumericDate(toInstant(expiresAt));
  return { ...(JSON.parse(payload) as AdapterPayload), exp, ...(consumedAt ? { consumed: true } : {}) };
}
