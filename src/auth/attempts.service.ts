import { Injectable } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { DomainError } from '../common/errors/errors.js';
import { hashSecret } from '../common/id.js';
import { Database } from '../database/database.js';
import { prune, pruneExpired } from '../database/prune.js';
import type { Statement } from '../database/statement.js';

/** Wrong tokens of one kind that an address may send in a minute before it is told to wait. */
export const WRONG_TOKENS_PER_MINUTE = 100;
const MINUTE_MS = 60_000;

/** Attempts to sign in that are made for an account, and from an address, in a quarter of an hour. */
export const SIGN_INS_PER_ACCOUNT = 10;
export const SIGN_INS_PER_ADDRESS = 100;
const SIGN_IN_WINDOW_MS = 15 * MINUTE_MS;

const COUNT: Statement = {
  name: 'count_failed_attempt',
  sql: `INSERT INTO "failed_attempts" ("key", "count", "expires_at") VALUES ($1, 1, $2)
        ON CONFLICT ("key") DO UPDATE SET "count" = "failed_attempts"."count" + 1
        RETURNING "count"`,
};

const FORGET: Statement = { name: 'forget_attempts', sql: `DELETE FROM "failed_attempts" WHERE "key" = $1` };

const PRUNE = pruneExpired('failed_attempts', 'key');

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
    throw this.tooMany(end);
  }

  /**
   * Counts an attempt to sign in before it is made, for the account and for the address. @throws DomainError
   * `too_many_requests` when either is over its limit
   */
  async countSignIn(account: string, address: string): Promise<void> {
    const window = Math.floor(this.clock.now().getTime() / SIGN_IN_WINDOW_MS);
    const end = new Date((window + 1) * SIGN_IN_WINDOW_MS);
    for (const [key, limit] of [
      [`sign-in account ${hashSecret(account)} ${window}`, SIGN_INS_PER_ACCOUNT],
      [`sign-in address ${address} ${window}`, SIGN_INS_PER_ADDRESS],
    ] as const) {
      const [row] = await this.database.write<{ count: number }>(COUNT, [key, end]);
      if (row!.count > limit) throw this.tooMany(end, 'Too many attempts to sign in. Try again later.');
    }
  }

  /** Forgets the attempts on an account, whose owner has signed in. */
  async forgetSignIns(account: string): Promise<void> {
    const window = Math.floor(this.clock.now().getTime() / SIGN_IN_WINDOW_MS);
    await this.database.write(FORGET, [`sign-in account ${hashSecret(account)} ${window}`]);
  }

  async prune(): Promise<void> {
    await prune(this.database, PRUNE, [this.clock.now()]);
  }

  private tooMany(end: Date, description?: string): DomainError {
    const seconds = Math.ceil((end.getTime() - this.clock.now().getTime()) / 1000);
    return new DomainError('too_many_requests', description, {
      headers: { 'Retry-After': String(Math.max(1, seconds)) },
    });
  }
}
