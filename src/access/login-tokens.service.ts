import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Caller } from '../common/caller.js';
import { addSeconds, Clock, SECONDS_PER_DAY } from '../common/clock.js';
import { Settings } from '../config/settings.js';
import { Database, toInstant } from '../database/database.js';
import { prune, PRUNE_STEP } from '../database/prune.js';
import type { Statement } from '../database/statement.js';
import { refParameters, statementsByRef } from '../schema/user-ref-sql.js';
import { toNamingRef } from '../common/user-ref.js';
import type { UserRef } from '../common/user-ref.js';
import { grants, isGranted, frameIsOwned, targetIsOwned } from '../rights/grants.js';
import type { LoginToken } from '../schema/entities/login-token.entity.js';

/** What the caller chose for the login. The record keeps it, and nothing in the redemption request changes it. */
export type LoginOptions = Pick<
  LoginToken,
  'secure' | 'returnTo' | 'returnOrigin' | 'embedOrigin' | 'delivery' | 'existingSession'
> & {
  /** Whether the client's own `embedOrigin` applies, if it has one. */
  embedsByDefault: boolean;
};

/** A login token that can start a session now. */
export interface GoodLoginToken extends Omit<LoginOptions, 'secure' | 'returnOrigin' | 'embedsByDefault'> {
  userId: string;
  /** The organization on whose staff the caller is who asked for the token. */
  organizationId: string | null;
}

/**
 * The origin whose pages may frame the login, and the target of the login. Each is present only while it still belongs
 * to whoever asked for the token. Expired and used tokens have them too.
 */
export type LinkPage = Pick<LoginToken, 'embedOrigin' | 'returnTo'>;

/** Whether a login token can start a session now, and if not, why. `page` is missing if the token's record is gone. */
export type Examination =
  | { is: 'good'; token: GoodLoginToken }
  | { is: 'refused'; reason: 'token_used' | 'token_expired' | 'invalid_token'; page?: LinkPage };

/** The claims of a new login token, except who asked for it. */
export interface NewLoginToken {
  id: string;
  userId: string;
  issuedAt: Date;
  /** A whole second, because the token's claims have no fractions. */
  expiresAt: Date;
}

/**
 * Records a token if the policy allows it, and otherwise does nothing, in one round trip. IDs are random: only a
 * repetition of the same statement can meet an existing one.
 */
const RECORD = statementsByRef(
  'record_login_token',
  ({ userId, next }) => {
    const [caller, client, id, issuedAt, expiresAt, secure, returnTo, given, byDefault, ...options] = Array.from(
      { length: 13 },
      (_, i) => `$${next + i}`,
    );
    const embedOrigin = `CASE WHEN ${byDefault} THEN
        (SELECT o."origin" FROM "client_origins" o
         WHERE o."client_id" = client."id" AND o."is_embed_default" AND o."organization_id" = caller."staff_organization_id")
        ELSE ${given} END`;
    return `
      INSERT INTO "login_tokens" ("id", "user_id", "caller_id", "client_id", "group_id", "issued_at", "expires_at",
                                  "secure", "return_to", "embed_origin", "delivery", "existing_session", "key_id", "return_origin", "organization_id")
      SELECT ${id}, target."id", caller."id", client."id", g."id", ${issuedAt}, ${expiresAt},
             /* What is embedded has a cookie that is always secure. */
             (${secure} OR ${embedOrigin} IS NOT NULL), ${returnTo}, ${embedOrigin}, ${options.join(', ')},
             target."organization_id"
      ${grants({ caller: caller!, client: client!, user: userId })}
      LIMIT 1
      ON CONFLICT ("id") DO UPDATE SET "secure" = excluded."secure"
      RETURNING "user_id" AS "userId"`;
  },
  { isRepeatable: true },
);

const STATE: Statement = {
  name: 'explain_login_token',
  sql: `SELECT t."user_id" AS "userId", t."return_to" AS "returnTo", t."embed_origin" AS "embedOrigin", t."delivery",
               (SELECT c."staff_organization_id" FROM "users" c WHERE c."id" = t."caller_id") AS "organizationId",
               ${frameIsOwned('t')} AS "frameIsOwned", ${targetIsOwned('t')} AS "targetIsOwned",
               t."existing_session" AS "existingSession", t."expires_at" AS "expiresAt",
               EXISTS (SELECT 1 FROM "sessions" s WHERE s."login_token_id" = t."id") AS "used",
               (${isGranted('t')}) AS "granted"
        FROM "login_tokens" t WHERE t."id" = $1`,
};

const PAGE: Statement = {
  name: 'find_page_of_login_token',
  sql: `SELECT CASE WHEN ${frameIsOwned('t')} THEN t."embed_origin" END AS "embedOrigin",
          CASE WHEN ${targetIsOwned('t')} THEN t."return_to" END AS "returnTo"
        FROM "login_tokens" t WHERE t."id" = $1`,
};

interface StateRow extends GoodLoginToken {
  expiresAt: Date | string;
  used: unknown;
  frameIsOwned: unknown;
  targetIsOwned: unknown;
  granted: unknown;
}

/** Deletes used tokens together with their sessions. A token without its session's record would look unused. */
const PRUNE_USED: Statement = {
  name: 'prune_used_login_tokens',
  sql: `DELETE FROM "login_tokens" WHERE "id" IN (
          SELECT s."login_token_id" FROM "sessions" s WHERE s."expires_at" < $1 LIMIT ${PRUNE_STEP})
        RETURNING "id"`,
};

const PRUNE_UNUSED: Statement = {
  name: 'prune_unused_login_tokens',
  sql: `DELETE FROM "login_tokens" WHERE "id" IN (
          SELECT t."id" FROM "login_tokens" t
          WHERE t."expires_at" < $1 AND NOT EXISTS (SELECT 1 FROM "sessions" s WHERE s."login_token_id" = t."id")
          LIMIT ${PRUNE_STEP})
        RETURNING "id"`,
};

/** Seconds after its expiry for which the record of an unused token is kept. */
const KEEP_UNUSED_SECONDS = SECONDS_PER_DAY;

/** Keeps the records of login tokens. */
@Injectable()
export class LoginTokensService {
  constructor(
    private readonly database: Database,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /** Records a new token for `ref`, or returns `null` if the policy refuses. */
  async record(caller: Caller, ref: UserRef, options: LoginOptions): Promise<NewLoginToken | null> {
    const id = randomUUID();
    const issuedAt = this.clock.now();
    issuedAt.setMilliseconds(0);
    const expiresAt = addSeconds(issuedAt, this.settings.LOGIN_TOKEN_TTL);
    const named = toNamingRef(caller, ref);
    const rows = await this.database.write<{ userId: string }>(RECORD[named.by], [
      ...refParameters(named),
      caller.userId,
      caller.clientId,
      id,
      issuedAt,
      expiresAt,
      options.secure,
      options.returnTo,
      options.embedOrigin,
      options.embedsByDefault,
      options.delivery,
      options.existingSession,
      caller.keyId ?? null,
      options.returnOrigin,
    ]);
    return rows[0] ? { id, userId: rows[0].userId, issuedAt, expiresAt } : null;
  }

  /** Looks up a token whose signature is valid, without using it. */
  async examine(id: string): Promise<Examination> {
    const [row] = await this.database.read<StateRow>(STATE, [id]);
    if (!row) return { is: 'refused', reason: 'invalid_token' };
    const { expiresAt, used, granted, frameIsOwned: isFrameOwned, targetIsOwned: isTargetOwned, ...token } = row;
    const page = {
      embedOrigin: isFrameOwned ? token.embedOrigin : null,
      returnTo: isTargetOwned ? token.returnTo : null,
    };
    if (used) return { is: 'refused', reason: 'token_used', page };
    if (toInstant(expiresAt) <= this.clock.now()) return { is: 'refused', reason: 'token_expired', page };
    if (!granted || !isFrameOwned || !isTargetOwned) return { is: 'refused', reason: 'invalid_token', page };
    return { is: 'good', token };
  }

  /** The page of a token, or `undefined` if the token's record is gone. */
  async pageOf(id: string): Promise<LinkPage | undefined> {
    const [row] = await this.database.read<LinkPage>(PAGE, [id]);
    return row;
  }

  /** Deletes the tokens, with their sessions, that no longer have to be kept. */
  async prune(): Promise<void> {
    await this.pruneWith(PRUNE_USED, this.settings.RETENTION_DAYS * SECONDS_PER_DAY);
    await this.pruneWith(PRUNE_UNUSED, KEEP_UNUSED_SECONDS);
  }

  private async pruneWith(statement: Statement, keepSeconds: number): Promise<void> {
    const before = addSeconds(this.clock.now(), -keepSeconds);
    await prune(this.database, statement, [before]);
  }
}
