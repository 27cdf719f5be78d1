import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { CLOCK_SKEW } from '../common/clock.js';
import { Database } from '../database/database.js';
import type { Statement } from '../database/statement.js';

/** The longest lifetime of an assertion, in seconds. */
export const MAX_ASSERTION_LIFETIME = 3600;

/** Whether everything was revoked after an instant, in milliseconds, as SQL. */
export function wasAllRevokedSince(instant: string): string {
  return `EXISTS (SELECT 1 FROM "general_revocations" g WHERE g."at" > ${instant})`;
}

const RECORD: Statement = {
  name: 'record_general_revocation',
  sql: `INSERT INTO "general_revocations" ("at") VALUES ($1) ON CONFLICT ("at") DO NOTHING`,
};

const WAS_ALL_REVOKED_SINCE: Statement = {
  name: 'was_all_revoked_since',
  sql: `SELECT 1 AS "yes" WHERE ${wasAllRevokedSince('$1')}`,
};

/** The claims of an assertion that say when it was made. */
export interface AssertionTimes {
  exp: number;
  iat?: number;
  nbf?: number;
}

/**
 * The first instant, in milliseconds, at which an assertion can have been accepted by an instance whose clock may be
 * wrong. Without `iat` and `nbf`, its end says when: it would have been refused as too long before.
 */
export function firstUseOf({ exp, iat = 0, nbf = 0 }: AssertionTimes): number {
  return (Math.max(iat, nbf, exp - MAX_ASSERTION_LIFETIME) - CLOCK_SKEW) * 1000;
}

/**
 * The instants at which everything was revoked. Tokens and sessions of ours end by their own rows and keys. Assertions
 * are made by others, and the row that says that one was used may be lost: one that can have been used before the last
 * such instant is refused.
 */
@Injectable()
export class GeneralRevocationsService {
  constructor(private readonly database: Database) {}

  async record(db: EntityManager, now: Date): Promise<void> {
    await this.database.within(db, RECORD, [now.getTime()]);
  }

  /** Whether the assertion can have been used before everything was revoked. */
  async wasUsableBefore(assertion: AssertionTimes): Promise<boolean> {
    return (await this.database.read(WAS_ALL_REVOKED_SINCE, [firstUseOf(assertion)])).length > 0;
  }
}
