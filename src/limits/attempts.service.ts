import { Injectable } from '@nestjs/common';
import { Clock, SECONDS_PER_DAY } from '../common/clock.js';
import { DomainError } from '../common/errors/errors.js';
import { hashSecret } from '../common/id.js';
import { networkOf } from '../common/network.js';
import { Database } from '../database/database.js';
import { prune, pruneExpired } from '../database/prune.js';
import type { Statement } from '../database/statement.js';

/** Wrong tokens of one kind, or wrong credentials at the token endpoint, that an address may send in a minute before it is told to wait. */
export const WRONG_TOKENS_PER_MINUTE = 100;
const MINUTE_MS = 60_000;

/**
 * Attempts to sign in, in a quarter of an hour: for an account from one network, for an account from all the networks from
 * which nobody has signed in to it before, and from one network for whatever accounts.
 */
export const SIGN_INS_PER_ACCOUNT = 10;
export const SIGN_INS_FROM_STRANGERS = 100;
export const SIGN_INS_PER_ADDRESS = 100;
const SIGN_IN_WINDOW_MS = 15 * MINUTE_MS;
/** How long after another the attempts on an account come that are more, from where somebody has signed in to it before. */
const SLOW_MS = 15_000;
/** How long a network counts as one from which somebody has signed in to an account. */
const KNOWN_MS = 90 * SECONDS_PER_DAY * 1000;

/** Sign-ins at the authorization server that may be begun from an address in a minute: each is a record for a quarter of an hour. */
export const INTERACTIONS_PER_MINUTE = 100;

/** Sites that are asked for an organization in a minute, because it claims them. */
export const ORIGIN_CHECKS_PER_MINUTE = 20;

/** Browsers without a cookie of ours that a site sends from an address to sign in, of one kind, in a minute, before they are asked. */
export const SENT_TO_SIGN_IN_PER_MINUTE = 5;

const SIGN_IN = { windowMs: SIGN_IN_WINDOW_MS, description: 'Too many attempts to sign in. Try again later.' };
const FROM_NETWORK = { what: 'sign-in account', max: SIGN_INS_PER_ACCOUNT, ...SIGN_IN };
const FROM_STRANGERS = { what: 'sign-in strangers', max: SIGN_INS_FROM_STRANGERS, ...SIGN_IN };
const SLOWED = { what: 'sign-in slowed', max: 1, ...SIGN_IN, windowMs: SLOW_MS };

interface Limit {
  /** What is counted, as its keys begin. */
  what: string;
  max: number;
  windowMs: number;
  description?: string;
}

/** What is counted of somebody until `end`. */
interface Window {
  key: string;
  end: Date;
}

const COUNT: Statement = {
  name: 'count_failed_attempt',
  sql: `INSERT INTO "failed_attempts" ("key", "count", "expires_at") VALUES ($1, 1, $2)
        ON CONFLICT ("key") DO UPDATE SET "count" = "failed_attempts"."count" + 1
        RETURNING "count"`,
};

const REMEMBER: Statement = {
  name: 'remember_network_of_account',
  sql: `INSERT INTO "failed_attempts" ("key", "count", "expires_at") VALUES ($1, 0, $2)
        ON CONFLICT ("key") DO UPDATE SET "expires_at" = excluded."expires_at"`,
};

const IS_KNOWN: Statement = {
  name: 'is_network_of_account',
  sql: `SELECT 1 AS "found" FROM "failed_attempts" WHERE "key" = $1 AND "expires_at" > $2`,
};

const FORGET: Statement = { name: 'forget_attempts', sql: `DELETE FROM "failed_attempts" WHERE "key" = $1` };

const PRUNE = pruneExpired('failed_attempts', 'key');

/**
 * Limits guessing. Only what is wrong is counted, so that somebody behind the same address as a
 * guesser still gets in with a good token; and counting is one statement, the same for N instances.
 */
@Injectable()
export class AttemptsService {
  /** Keys of addresses that are over a limit, found out in the minute `blockedIn`: no need to write for them any more. */
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
    await this.countFrom(address, { what, max: WRONG_TOKENS_PER_MINUTE, windowMs: MINUTE_MS });
  }

  /**
   * Counts wrong credentials at the token endpoint: of a client, a code, a refresh token or an assertion.
   *
   * @throws DomainError `too_many_requests` when the address is over the limit
   */
  async countWrongCredentials(address: string): Promise<void> {
    const description = 'Too many wrong credentials from this address. Try again later.';
    await this.countFrom(address, { what: 'oauth', max: WRONG_TOKENS_PER_MINUTE, windowMs: MINUTE_MS, description });
  }

  /** Counts a sign-in that is begun. @throws DomainError `too_many_requests` when the address is over the limit */
  async countInteraction(address: string): Promise<void> {
    const description = 'Too many sign-ins were begun from this address. Try again later.';
    await this.countFrom(address, { what: 'begun', max: INTERACTIONS_PER_MINUTE, windowMs: MINUTE_MS, description });
  }

  /**
   * Counts a browser that is sent to sign in: one that refuses cookies comes back each time, with a new session.
   *
   * @throws DomainError `too_many_requests` when it is over the limit
   */
  async countSentToSignIn(address: string, userAgent: string): Promise<void> {
    const what = `sent ${hashSecret(userAgent)}`;
    await this.countFrom(address, { what, max: SENT_TO_SIGN_IN_PER_MINUTE, windowMs: MINUTE_MS });
  }

  /**
   * Counts an attempt to sign in before it is made, for the network and for the account. Wrong passwords from elsewhere
   * shut nobody out who comes from where they have signed in before: from there, many attempts only become slow.
   *
   * @throws DomainError `too_many_requests` when one of them is over its limit
   */
  async countSignIn(account: string, address: string): Promise<void> {
    // The network comes first: when it is over its limit nothing counts for the account.
    await this.countFrom(address, { what: 'sign-in address', max: SIGN_INS_PER_ADDRESS, ...SIGN_IN });
    const here = hashSecret(`${account} ${networkOf(address)}`);
    const isKnown = (await this.database.read(IS_KNOWN, [knownKey(here), this.clock.now()])).length > 0;
    try {
      await this.count(this.windowOf(here, FROM_NETWORK), FROM_NETWORK);
    } catch (error) {
      if (!isKnown || !(error instanceof DomainError)) throw error;
      await this.count(this.windowOf(here, SLOWED), SLOWED);
    }
    if (!isKnown) await this.count(this.windowOf(hashSecret(account), FROM_STRANGERS), FROM_STRANGERS);
  }

  /** Forgets the attempts on an account from a network, from which its owner has signed in, and remembers that. */
  async rememberSignIn(account: string, address: string): Promise<void> {
    const here = hashSecret(`${account} ${networkOf(address)}`);
    await this.database.write(FORGET, [this.windowOf(here, FROM_NETWORK).key]);
    await this.database.write(REMEMBER, [knownKey(here), new Date(this.clock.now().getTime() + KNOWN_MS)]);
  }

  /** Counts that a site is asked whether it belongs to an organization. @throws DomainError `too_many_requests` */
  async countOriginCheck(organizationId: string): Promise<void> {
    const description = 'Too many origins were verified for this organization. Try again later.';
    const limit = { what: 'origin', max: ORIGIN_CHECKS_PER_MINUTE, windowMs: MINUTE_MS, description };
    await this.count(this.windowOf(organizationId, limit), limit);
  }

  async prune(): Promise<void> {
    await prune(this.database, PRUNE, [this.clock.now()]);
  }

  /** Counts for an address. One that is over the limit makes nothing written for up to a minute. */
  private async countFrom(address: string, limit: Limit): Promise<void> {
    const window = this.windowOf(networkOf(address), limit);
    const { key, end } = window;
    const minute = Math.floor(this.clock.now().getTime() / MINUTE_MS);
    if (this.blockedIn !== minute) this.blocked.clear();
    this.blockedIn = minute;
    if (this.blocked.has(key)) throw this.tooMany(end, limit);
    try {
      await this.count(window, limit);
    } catch (error) {
      if (error instanceof DomainError) this.blocked.add(key);
      throw error;
    }
  }

  private async count({ key, end }: Window, limit: Limit): Promise<void> {
    const [row] = await this.database.write<{ count: number }>(COUNT, [key, end]);
    if (row!.count > limit.max) throw this.tooMany(end, limit);
  }

  private windowOf(whose: string, { what, windowMs }: Pick<Limit, 'what' | 'windowMs'>): Window {
    const window = Math.floor(this.clock.now().getTime() / windowMs);
    return { key: `${what} ${whose} ${window}`, end: new Date((window + 1) * windowMs) };
  }

  private tooMany(end: Date, { description }: Limit): DomainError {
    const seconds = Math.ceil((end.getTime() - this.clock.now().getTime()) / 1000);
    return new DomainError('too_many_requests', description, {
      headers: { 'Retry-After': String(Math.max(1, seconds)) },
    });
  }
}

function knownKey(here: string): string {
  return `signed in ${here}`;
}
