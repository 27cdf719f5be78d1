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
import { grants, isGranted, keepsFrame, keepsTarget } from '../rights/grants.js';
import type { LoginToken } from '../schema/entities/login-token.entity.js';

/** What the caller chose for the login. It is sealed: nothing at the redemption changes it. */
export type LoginOptions = Pick<
  LoginToken,
  'secure' | 'returnTo' | 'returnOrigin' | 'embedOrigin' | 'delivery' | 'existingSession'
> & {
  /** `embedOrigin` is that of the client, if it has one. */
  embedsByDefault: boolean;
};

/** A token that can start a session at this moment. */
export interface GoodLoginToken extends Omit<LoginOptions, 'secure' | 'returnOrigin' | 'embedsByDefault'> {
  userId: string;
  /** On whose staff the caller is who asked for it. */
  organizationId: string | null;
}

/**
 * The origin on whose pages a token was made to work, and where it leads, as far as these still belong to whoever asked for the
 * token, also if it is not good any more.
 */
export type LinkPage = Pick<LoginToken, 'embedOrigin' | 'returnTo'>;

/** What becomes of a login token at this moment: it can start a session, or why it can't. `page` is missing for one that is forgotten. */
export type Examination =
  | { is: 'good'; token: GoodLoginToken }
  | { is: 'refused'; reason: 'token_used' | 'token_expired' | 'invalid_token'; page?: LinkPage };

/** What a login token says, beside who asked for it. */
export interface NewLoginToken {
  id: string;
  userId: string;
  issuedAt: Date;
  /** A whole second, as the token itself has no fractions. */
  expiresAt: Date;
}

/** Writes the record of a token if the policy allows it, and nothing otherwise. One round trip; only its own repetition has the same id. */
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
               ${keepsFrame('t')} AS "keepsFrame", ${keepsTarget('t')} AS "keepsTarget",
               t."existing_session" AS "existingSession", t."expires_at" AS "expiresAt",
               EXISTS (SELECT 1 FROM "sessions" s WHERE s."login_token_id" = t."id") AS "used",
               (${isGranted('t')}) AS "granted"
        FROM "login_tokens" t WHERE t."id" = $1`,
};

const PAGE: Statement = {
  name: 'find_page_of_login_token',
  sql: `SELECT CASE WHEN ${keepsFrame('t')} THEN t."embed_origin" END AS "embedOrigin",
          CASE WHEN ${keepsTarget('t')} THEN t."return_to" END AS "returnTo"
        FROM "login_tokens" t WHERE t."id" = $1`,
};

interface StateRow extends GoodLoginToken {
  expiresAt: Date | string;
  used: unknown;
  keepsFrame: unknown;
  keepsTarget: unknown;
  granted: unknown;
}

/** With the record of a used token goes that of its session: without it, the token would look unused. */
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

/** A token that started no session is forgotten so long after its end. */
const KEEP_UNUSED_SECONDS = SECONDS_PER_DAY;

/** The records of the login tokens. */
@Injectable()
export class LoginTokensService {
  constructor(
    private readonly database: Database,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /** Records a new token for `ref`, or answers `null` if the policy lets the caller not have it. */
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

  /** Looks at a token with a good signature, without using it. */
  async examine(id: string): Promise<Examination> {
    const [row] = await this.database.read<StateRow>(STATE, [id]);
    if (!row) return { is: 'refused', reason: 'invalid_token' };
    const { expiresAt, used, granted, keepsFrame: isFrameKept, keepsTarget: isTargetKept, ...token } = row;
    const page = {
      embedOrigin: isFrameKept ? token.embedOrigin : null,
      returnTo: isTargetKept ? token.returnTo : null,
    };
    if (used) return { is: 'refused', reason: 'token_used', page };
    if (toInstant(expiresAt) <= this.clock.now()) return { is: 'refused', reason: 'token_expired', page };
    if (!granted || !isFrameKept || !isTargetKept) return { is: 'refused', reason: 'invalid_token', page };
    return { is: 'good', token };
  }

  /** Nothing for a token that is forgotten. */
  async pageOf(id: string): Promise<LinkPage | undefined> {
    const [row] = await this.database.read<LinkPage>(PAGE, [id]);
    return row;
  }

  /** Forgets the tokens, with their sessions, whose time to be kept is over. */
  async prune(): Promise<void> {
    await this.pruneWith(PRUNE_USED, this.settings.RETENTION_DAYS * SECONDS_PER_DAY);
    await this.pruneWith(PRUNE_UNUSED, KEEP_UNUSED_SECONDS);
  }

  private async pruneWith(statement: Statement, keepSeconds: number): Promise<void> {
    const before = addSeconds(this.clock.now(), -keepSeconds);
    await prune(this.database, statement, [before]);
  }
}
