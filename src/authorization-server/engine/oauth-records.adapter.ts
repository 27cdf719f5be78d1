import { errors } from 'oidc-provider';
import type { Adapter, AdapterPayload } from 'oidc-provider';
import { addSeconds, toNumericDate } from '../../common/clock.js';
import type { Clock } from '../../common/clock.js';
import { toInstant } from '../../database/database.js';
import type { Database } from '../../database/database.js';
import type { Statement } from '../../database/statement.js';
import { recordIdOf } from '../../sign-ins/record-id.js';
import { UsedBefore } from '../protocol/used-before.js';

const COLUMNS = `"id", "kind", "payload", "grant_id", "uid", "client_id", "account_id", "expires_at"`;

const UPSERT: Statement = {
  name: 'upsert_oauth_record',
  sql: `INSERT INTO "oauth_records" (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT ("id") DO UPDATE SET "payload" = excluded."payload", "grant_id" = excluded."grant_id", "uid" = excluded."uid",
          "client_id" = excluded."client_id", "account_id" = excluded."account_id", "expires_at" = excluded."expires_at"`,
  isRepeatable: true,
};

/** For what may be there once: of any number of calls at once, one gets a row back. */
export const INSERT: Statement = {
  name: 'insert_oauth_record',
  sql: `INSERT INTO "oauth_records" (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT ("id") DO NOTHING RETURNING "id"`,
};

const FOUND = `r."payload", r."consumed_at" AS "consumedAt", r."expires_at" AS "expiresAt"`;

const FIND: Statement = {
  name: 'find_oauth_record',
  sql: `SELECT ${FOUND} FROM "oauth_records" r WHERE r."id" = $1 AND r."expires_at" > $2`,
};

const FIND_BY_UID: Statement = {
  name: 'find_oauth_record_by_uid',
  sql: `SELECT ${FOUND} FROM "oauth_records" r WHERE r."uid" = $1 AND r."kind" = $2 AND r."expires_at" > $3`,
};

/** Seconds for which a refresh token that was rotated is answered once more with the same new tokens. */
export const ANSWERED_AGAIN_SECONDS = 30;

/** Of any number of calls at once, one gets a row back. */
export const CONSUME: Statement = {
  name: 'consume_oauth_record',
  sql: `UPDATE "oauth_records" SET "consumed_at" = $2 WHERE "id" = $1 AND "consumed_at" IS NULL RETURNING "grant_id" AS "grantId"`,
};

export const REMOVE: Statement = {
  name: 'remove_oauth_record',
  sql: `DELETE FROM "oauth_records" WHERE "id" = $1`,
  isRepeatable: true,
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
 * Where the authorization server keeps what it has to remember. Its identifiers are values of codes, refresh tokens
 * and cookies, so they are stored as hashes and left out of the payload: a copy of the table is of no use.
 */
export class OAuthRecords implements Adapter {
  constructor(
    private readonly kind: string,
    private readonly database: Database,
    private readonly clock: Clock,
    /** Ends the access tokens of a grant, of which there are no records. */
    private readonly revokeAccessTokens: (grantId: string) => Promise<void>,
  ) {}

  /** @throws InvalidClientAuth for an assertion of a client that was used before, also if the engine did not see it yet */
  async upsert(id: string, payload: AdapterPayload, expiresIn: number): Promise<void> {
    const isOnce = this.kind === 'ReplayDetection';
    const written = await this.database.write(isOnce ? INSERT : UPSERT, [
      this.key(id),
      this.kind,
      JSON.stringify(withoutIdentifiers(payload)),
      payload.grantId ?? null,
      payload.uid ?? null,
      clientOf(payload),
      accountOf(payload),
      addSeconds(this.clock.now(), expiresIn),
    ]);
    if (isOnce && written.length === 0) throw new errors.InvalidClientAuth('the client assertion was used before');
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    const [row] = await this.database.read<Row>(FIND, [this.key(id), this.clock.now()]);
    if (!row) return undefined;
    const payload = toPayload(row);
    // Whether it is refused or answered once more is decided when its answer is there: see RefreshesService.
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
   * A refresh token is consumed together with what is answered for it, by RefreshesService.
   *
   * @throws UsedBefore for all but one of several calls at once; what came from it so far is revoked then
   */
  async consume(id: string): Promise<void> {
    if (this.kind === 'RefreshToken') return;
    const consumed = await this.database.write(CONSUME, [this.key(id), this.clock.now()]);
    if (consumed.length > 0) return;
    const grantId = (await this.find(id))?.grantId;
    if (grantId) await this.revokeGrant(grantId);
    throw new UsedBefore('it was used before');
  }

  /** What is left of a sign-in tells a browser that comes back to it where to go on. */
  async destroy(id: string): Promise<void> {
    if (this.kind === 'Interaction') await this.database.write(CONSUME, [this.key(id), this.clock.now()]);
    else await this.database.write(REMOVE, [this.key(id)]);
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    if (this.kind === 'AccessToken') await this.revokeAccessTokens(grantId);
    else await this.database.write(REMOVE_OF_GRANT, [grantId, this.kind]);
  }

  /** The one of the calls that got something may still be about to save a refresh token: without the grant, it is good for nothing. */
  private async revokeGrant(grantId: string): Promise<void> {
    await this.database.write(REMOVE, [recordIdOf('Grant', grantId)]);
    for (const kind of ['RefreshToken', 'AuthorizationCode'])
      await this.database.write(REMOVE_OF_GRANT, [grantId, kind]);
    await this.revokeAccessTokens(grantId);
  }

  private key(id: string): string {
    return recordIdOf(this.kind, id);
  }
}

/** An interaction names its client as the authorization request did. */
function clientOf({ clientId, params }: AdapterPayload): string | null {
  const id = clientId ?? (params as { client_id?: unknown } | undefined)?.client_id;
  return typeof id === 'string' ? id : null;
}

/** An interaction names who has just signed in there, or else whose sign-in session the browser has. */
function accountOf({ accountId, result, session }: AdapterPayload): string | null {
  const { login } = (result ?? {}) as { login?: { accountId?: string } };
  return login?.accountId ?? accountId ?? session?.accountId ?? null;
}

/** An interaction also repeats the cookie of the sign-in session, of which the engine makes no use. */
function withoutIdentifiers({ session, ...payload }: AdapterPayload): object {
  return { ...payload, jti: undefined, session: session && { ...session, cookie: undefined } };
}

function isJustRotated({ consumedAt }: Row, now: Date): boolean {
  return consumedAt !== null && addSeconds(toInstant(consumedAt), ANSWERED_AGAIN_SECONDS) > now;
}

function toPayload({ payload, consumedAt, expiresAt }: Row): AdapterPayload {
  // The engine's own `exp` knows nothing of a later end that a use has given to the record.
  const exp = toNumericDate(toInstant(expiresAt));
  return { ...(JSON.parse(payload) as AdapterPayload), exp, ...(consumedAt ? { consumed: true } : {}) };
}
