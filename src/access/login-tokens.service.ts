import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Caller } from '../auth/caller.js';
import { addSeconds, Clock } from '../common/clock.js';
import { DomainError } from '../common/errors/errors.js';
import { Settings } from '../config/settings.js';
import { Database, toInstant } from '../database/database.js';
import type { Statement } from '../database/statement.js';
import type { UserRef } from '../users/user-ref.js';
import { grants, TARGET_SQL, targetOf } from './access.policy.js';

/** What a login token says, beside who asked for it. */
export interface NewLoginToken {
  id: string;
  userId: string;
  issuedAt: Date;
  /** A whole second, as the token itself has no fractions. */
  expiresAt: Date;
}

/** Writes the record of a token if the policy allows it, and nothing otherwise. One round trip. */
const RECORD = Object.fromEntries(
  Object.entries(TARGET_SQL).map(([kind, { user, next }]) => {
    const [caller, client, id, issuedAt, expiresAt, secure, returnTo] = Array.from(
      { length: 7 },
      (_, i) => `$${next + i}`,
    );
    const sql = `
      INSERT INTO "login_tokens" ("id", "user_id", "caller_id", "client_id", "group_id", "issued_at", "expires_at", "secure", "return_to", "organization_id")
      SELECT ${id}, target."id", caller."id", client."id", g."id", ${issuedAt}, ${expiresAt}, ${secure}, ${returnTo}, target."organization_id"
      ${grants({ caller: caller!, client: client!, user })}
      LIMIT 1
      RETURNING "user_id" AS "userId"`;
    return [kind, { name: `record_login_token_${kind}`, sql }];
  }),
) as Record<keyof typeof TARGET_SQL, Statement>;

const STATE: Statement = {
  name: 'explain_login_token',
  sql: `SELECT t."expires_at" AS "expiresAt", EXISTS (SELECT 1 FROM "sessions" s WHERE s."login_token_id" = t."id") AS "used"
        FROM "login_tokens" t WHERE t."id" = $1`,
};

/** In steps, so that a large backlog never holds the write lock for long. */
const PRUNE_STEP = 1000;

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

const SECONDS_PER_DAY = 24 * 60 * 60;
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
  async record(
    caller: Caller,
    ref: UserRef,
    options: { secure: boolean; returnTo: string | null },
  ): Promise<NewLoginToken | null> {
    const id = randomUUID();
    const issuedAt = this.clock.now();
    issuedAt.setMilliseconds(0);
    const expiresAt = addSeconds(issuedAt, this.settings.LOGIN_TOKEN_TTL);
    const { kind, parameters } = targetOf(caller, ref);
    const rows = await this.database.write<{ userId: string }>(RECORD[kind], [
      ...parameters,
      caller.userId,
      caller.clientId,
      id,
      issuedAt,
      expiresAt,
      options.secure,
      options.returnTo,
    ]);
    return rows[0] ? { id, userId: rows[0].userId, issuedAt, expiresAt } : null;
  }

  /** Why a token with a good signature started no session. */
  async refusal(id: string): Promise<DomainError> {
    const [token] = await this.database.read<{ expiresAt: Date | string; used: unknown }>(STATE, [id]);
    if (token?.used) return new DomainError('token_used');
    if (token && toInstant(token.expiresAt) <= this.clock.now()) return new DomainError('token_expired');
    return new DomainError('invalid_token');
  }

  /** Forgets the tokens, with their sessions, whose time to be kept is over. */
  async prune(): Promise<void> {
    await this.pruneWith(PRUNE_USED, this.settings.RETENTION_DAYS * SECONDS_PER_DAY);
    await this.pruneWith(PRUNE_UNUSED, KEEP_UNUSED_SECONDS);
  }

  private async pruneWith(statement: Statement, keepSeconds: number): Promise<void> {
    const before = addSeconds(this.clock.now(), -keepSeconds);
    while ((await this.database.write(statement, [before])).length === PRUNE_STEP);
  }
}
