import { Injectable } from '@nestjs/common';
import type { Caller } from '../common/caller.js';
import { addSeconds, Clock, SECONDS_PER_DAY } from '../common/clock.js';
import { LONGEST_LOGIN_TOKEN_SECONDS, Settings } from '../config/settings.js';
import { Database, fromMilliseconds } from '../database/database.js';
import { batchOf, insertion, ofEachCall } from '../database/insertion.js';
import type { ParameterType } from '../database/insertion.js';
import { prune, pruneBefore } from '../database/prune.js';
import type { Statement } from '../database/statement.js';
import { byRef, refParameters } from '../schema/user-ref-sql.js';
import { firstLoginAt, instantOfLogin, newLoginId, readLoginId, toBytes } from '../common/login-id.js';
import { toNamingRef } from '../common/user-ref.js';
import type { UserRef } from '../common/user-ref.js';
import { FRAME_IS_OWNED, grants, isGranted, LOGINS, TARGET_IS_OWNED } from '../rights/grants.js';
import type { Delivery, ExistingSession, LoginToken } from '../schema/entities/login-token.entity.js';

/** What the caller chose for the login. The record keeps it, and nothing in the redemption request changes it. */
export interface LoginOptions extends Pick<LoginToken, 'secure' | 'returnTo' | 'returnOrigin' | 'embedOrigin'> {
  delivery: Delivery;
  existingSession: ExistingSession;
  /** Whether the client's own `embedOrigin` applies, if it has one. */
  embedsByDefault: boolean;
}

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

/** The types of all parameters of a statement: those of the reference, which are texts, and from `next` on its own. */
function afterReference(next: number, own: ParameterType[]): ParameterType[] {
  return [...Array.from({ length: next - 1 }, () => 'varchar' as const), ...own];
}

/** The types of the parameters of `RECORD` that follow the reference. */
const RECORDED: ParameterType[] = [
  ...(['varchar', 'varchar', 'varchar', 'bigint', 'uuid', 'bigint', 'boolean', 'varchar', 'varchar'] as const),
  ...(['boolean', 'varchar', 'varchar', 'varchar'] as const),
];

/**
 * Records a token if the policy allows it through a known delegation, and otherwise does nothing, in one round trip. IDs
 * are random: only a repetition of the same statement can meet an existing one.
 */
const RECORD = byRef(({ kind, userId, next }) => {
  const [caller, client, key, now, id, expiresAt, secure, returnTo, given, byDefault, ...options] = Array.from(
    { length: RECORDED.length },
    (_, i) => `$${next + i}`,
  );
  const embedOrigin = `CASE WHEN ${byDefault} THEN
      (SELECT o."origin" FROM "client_origins" o
       WHERE o."client_id" = d."client_id" AND o."is_embed_default" AND o."organization_id" = d."organization_id")
      ELSE ${given} END`;
  return insertion({
    name: `record_login_token_${kind}`,
    into: `"login_tokens" ("id", "user_id", "delegation_id", "organization_number", "manager_number", "expires_at",
                           "secure", "return_to", "embed_origin", "delivery", "existing_session", "return_origin")`,
    select: `
      SELECT ${id}, allowed."user_id", d."id", d."organization_number",
             CASE WHEN allowed."manager_id" = d."organization_id" THEN NULL ELSE COALESCE(
               (SELECT n."number" FROM "organization_numbers" n WHERE n."organization_id" = allowed."manager_id"), 0) END,
             ${expiresAt},
             /* What is embedded has a cookie that is always secure. */
             (${secure} OR ${embedOrigin} IS NOT NULL), ${returnTo}, ${embedOrigin}, ${options.join(', ')}
      FROM (SELECT target."id" AS "user_id", target."organization_id" AS "manager_id", m."group_id"
            ${grants({ caller: caller!, client: client!, user: userId, now: now! })}) allowed
      /* CROSS JOIN keeps SQLite from reading all delegations first. */
      CROSS JOIN "delegations" d
      WHERE d."caller_id" = ${caller} AND d."client_id" = ${client}
        AND d."group_id" = allowed."group_id" AND d."key_id" = ${key} AND d."is_imported" = FALSE`,
    end: `
      ON CONFLICT ("id") DO UPDATE SET "secure" = excluded."secure"
      RETURNING "user_id" AS "userId"`,
    types: afterReference(next, RECORDED),
    id: next + RECORDED.indexOf('uuid'),
  });
});

/** The types of the parameters of `ADD_DELEGATION` that follow the reference. The last one names the call. */
const ADDED: ParameterType[] = ['varchar', 'varchar', 'varchar', 'bigint', 'uuid'];

/**
 * Adds the delegation by which the caller may let the user in, if there is one. It gives a row then, and the token can be
 * recorded.
 */
const ADD_DELEGATION = byRef(({ kind, userId, next }) => {
  const [caller, client, key, now, id] = ADDED.map((_, index) => `$${next + index}`);
  const types = afterReference(next, ADDED);
  const into = `"delegations" ("caller_id", "client_id", "group_id", "key_id", "organization_id", "organization_number")`;
  const made = `
    SELECT allowed."caller_id", allowed."client_id", allowed."group_id", CAST(${key} AS varchar) AS "key_id",
           n."organization_id", n."number"
    FROM (SELECT caller."id" AS "caller_id", client."id" AS "client_id", m."group_id",
                 caller."staff_organization_id" AS "organization_id"
          ${grants({ caller: caller!, client: client!, user: userId, now: now! })}) allowed
    JOIN "organization_numbers" n ON n."organization_id" = allowed."organization_id"
    WHERE TRUE LIMIT 1`;
  const conflict = `("caller_id", "client_id", "group_id", "key_id", "is_imported")`;
  return {
    name: `add_delegation_${kind}`,
    sql: `INSERT INTO ${into} ${made}
          ON CONFLICT ${conflict} DO UPDATE SET "organization_id" = excluded."organization_id"
          RETURNING CAST(${id} AS uuid) AS "call"`,
    isRepeatable: true,
    // Several calls may need the same delegation. All batches insert in the same order, so that none waits for another
    // that waits for it.
    batch: batchOf(
      types,
      next + ADDED.indexOf('uuid'),
      `WITH allowed AS MATERIALIZED (SELECT call."${id}" AS "call", made.* ${ofEachCall(made, types)}),
            added AS (
              INSERT INTO ${into}
              SELECT DISTINCT "caller_id", "client_id", "group_id", "key_id", "organization_id", "number" FROM allowed
              ORDER BY "caller_id", "client_id", "group_id", "key_id"
              ON CONFLICT ${conflict} DO NOTHING)
       SELECT "call" FROM allowed`,
    ),
  };
});

const STATE: Statement = {
  name: 'explain_login_token',
  sql: `SELECT t."user_id" AS "userId", t."return_to" AS "returnTo", t."embed_origin" AS "embedOrigin",
               COALESCE(t."delivery", 'redirect') AS "delivery",
               (SELECT c."staff_organization_id" FROM "users" c WHERE c."id" = d."caller_id") AS "organizationId",
               ${FRAME_IS_OWNED} AS "frameIsOwned", ${TARGET_IS_OWNED} AS "targetIsOwned",
               COALESCE(t."existing_session", 'keep') AS "existingSession", t."expires_at" AS "expiresAt",
               EXISTS (SELECT 1 FROM "sessions" s WHERE s."id" = t."id") AS "used",
               (${isGranted('$2')}) AS "granted"
        FROM ${LOGINS} WHERE t."id" = $1`,
};

const PAGE: Statement = {
  name: 'find_page_of_login_token',
  sql: `SELECT CASE WHEN ${FRAME_IS_OWNED} THEN t."embed_origin" END AS "embedOrigin",
          CASE WHEN ${TARGET_IS_OWNED} THEN t."return_to" END AS "returnTo"
        FROM ${LOGINS} WHERE t."id" = $1`,
};

/** The oldest logins are a range of the key. Tokens go first: a token without its session would look unused. */
const PRUNE = ['login_tokens', 'sessions'].map((table) => pruneBefore(table, 'id', 'id'));

const OLDEST: Statement = {
  name: 'find_oldest_login_token',
  sql: `SELECT t."id" FROM "login_tokens" t ORDER BY t."id" LIMIT 1`,
};

interface StateRow extends GoodLoginToken {
  expiresAt: number | string;
  used: unknown;
  frameIsOwned: unknown;
  targetIsOwned: unknown;
  granted: unknown;
}

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
    const now = this.clock.now();
    const id = newLoginId(now);
    const issuedAt = new Date(now);
    issuedAt.setMilliseconds(0);
    const expiresAt = addSeconds(issuedAt, this.settings.LOGIN_TOKEN_TTL);
    const named = toNamingRef(caller, ref);
    const delegation = [...refParameters(named), caller.userId, caller.clientId, caller.keyId ?? '', now.getTime()];
    const parameters = [
      ...delegation,
      toBytes(id),
      expiresAt.getTime(),
      options.secure,
      options.returnTo,
      options.embedOrigin,
      options.embedsByDefault,
      options.delivery === 'redirect' ? null : options.delivery,
      options.existingSession === 'keep' ? null : options.existingSession,
      options.returnOrigin,
    ];
    const record = (): Promise<{ userId: string }[]> => this.database.write(RECORD[named.by], parameters);
    let [recorded] = await record();
    if (!recorded) {
      const added = await this.database.write(ADD_DELEGATION[named.by], [...delegation, toBytes(id)]);
      if (added.length > 0) [recorded] = await record();
    }
    return recorded ? { id, userId: recorded.userId, issuedAt, expiresAt } : null;
  }

  /** Looks up a token whose signature is valid, without using it. */
  async examine(id: string): Promise<Examination> {
    const now = this.clock.now();
    const [row] = await this.database.read<StateRow>(STATE, [toBytes(id), now.getTime()]);
    if (!row) return { is: 'refused', reason: 'invalid_token' };
    const { expiresAt, used, granted, frameIsOwned: isFrameOwned, targetIsOwned: isTargetOwned, ...token } = row;
    const page = {
      embedOrigin: isFrameOwned ? token.embedOrigin : null,
      returnTo: isTargetOwned ? token.returnTo : null,
    };
    if (used) return { is: 'refused', reason: 'token_used', page };
    if (fromMilliseconds(expiresAt) <= now) return { is: 'refused', reason: 'token_expired', page };
    if (!granted || !isFrameOwned || !isTargetOwned) return { is: 'refused', reason: 'invalid_token', page };
    return { is: 'good', token };
  }

  /** The page of a token, or `undefined` if the token's record is gone. */
  async pageOf(id: string): Promise<LinkPage | undefined> {
    const [row] = await this.database.read<LinkPage>(PAGE, [toBytes(id)]);
    return row;
  }

  /** Deletes the tokens, with their sessions, that no longer have to be kept. */
  async prune(): Promise<void> {
    const before = firstLoginAt(this.oldestKept());
    for (const statement of PRUNE) await prune(this.database, statement, [before]);
  }

  /** Seconds for which the oldest token has been kept for too long. */
  async retentionLag(): Promise<number> {
    const [oldest] = await this.database.read<{ id: Buffer | string }>(OLDEST, []);
    if (!oldest) return 0;
    return Math.max(this.oldestKept().getTime() - instantOfLogin(readLoginId(oldest.id)).getTime(), 0) / 1000;
  }

  /** Tokens from before this instant no longer have to be kept. */
  private oldestKept(): Date {
    const { RETENTION_DAYS, SESSION_LIFETIME } = this.settings;
    const keptSeconds = RETENTION_DAYS * SECONDS_PER_DAY + SESSION_LIFETIME + LONGEST_LOGIN_TOKEN_SECONDS;
    return addSeconds(this.clock.now(), -keptSeconds);
  }
}
