import { Injectable } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { DomainError } from '../common/errors/errors.js';
import { Database } from '../database/database.js';
import type { Statement } from '../database/statement.js';

/** Wrong tokens of one kind that an address may send in a minute before it is told to wait. */
export const WRONG_TOKENS_PER_MINUTE = 100;
const MINUTE_MS = 60_000;

const COUNT: Statement = {
  name: 'count_failed_attempt',
  sql: `INSERT INTO "failed_attempts" ("key", "count", "expires_at") VALUES ($1, 1, $2)
        ON CONFLICT ("key") DO UPDATE SET "count" = "failed_attempts"."count" + 1
        RETURNING "count"`,
};

const PRUNE: Statement = {
  name: 'prune_failed_attempts',
  sql: `DELETE FROM "failed_attempts" WHERE "expires_at" < $1`,
};

/**
 * Limits guessing. Only what is wrong is counted, so that somebody behind the same address as a
 * guesser still gets in with a good token; and counting is one statement, the same for N instances.
 */
@Injectable()
export class AttemptsService {
  /** Keys that are over the limit in the minute `blockedIn`: no need to write for them any more. */
  private readonly blocked = new Set<string>();
  private blockedIn = 0;

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /**
   * Counts a wrong token of the kind `what`.
   *
   * @throws DomainError `too_many_requests` when the address is over the limit
   */
  async countWrongToken(what: 'login' | 'bearer', address: string): Promise<void> {
    const minute = Math.floor(this.clock.now().getTime() / MINUTE_MS);
    const end = new Date((minute + 1) * MINUTE_MS);
    const key = `${what} ${address} ${minute}`;
    if (this.blockedIn !== minute) this.blocked.clear();
    this.blockedIn = minute;
    if (!this.blocked.has(key)) {
      const [row] = await this.database.write<{ count: number }>(COUNT, [key, end]);
      if (row!.count <= WRONG_TOKENS_PER_MINUTE) return;
      this.blocked.add(key);
    }
    const seconds = Math.ceil((end.getTime() - this.clock.now().getTime()) / 1000);
    throw new DomainError('too_many_requests', undefined, { headers: { 'Retry-After': String(Math.max(1, seconds)) } });
  }

  async prune(): Promise<void> {
    await this.database.write(PRUNE, [this.clock.now()]);
  }
}
