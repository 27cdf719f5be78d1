import { Injectable } from '@nestjs/common';
import { Clock, SECONDS_PER_DAY } from '../common/clock.js';
import { DomainError } from '../common/errors/errors.js';
import { hashSecret } from '../common/id.js';
import { networkOf } from '../common/network.js';
import { Database } from '../database/database.js';
import { prune, pruneExpired } from '../database/prune.js';
import type { Statement } from '../database/statement.js';

/**
 * How many wrong tokens of one kind, or wrong credentials at the token endpoint, an address may send in a minute before
 * it has to wait.
 */
export const WRONG_TOKENS_PER_MINUTE = 100;
const MINUTE_MS = 60_000;

/**
 * Attempts to sign in within 15 minutes: for an account from one network; for an account from all networks from which
 * nobody has signed in to it before; and from one network for all accounts.
 */
export const SIGN_INS_PER_ACCOUNT = 10;
export const SIGN_INS_FROM_STRANGERS = 100;
export const SIGN_INS_PER_ADDRESS = 100;
const SIGN_IN_WINDOW_MS = 15 * MINUTE_MS;
/**
 * Milliseconds between further attempts on an account, from a network from which somebody has signed in to it before.
 */
const SLOW_MS = 15_000;
/** Milliseconds for which a network counts as one from which somebody has signed in to an account. */
const KNOWN_MS = 90 * SECONDS_PER_DAY * 1000;

/** How many sign-ins at the authorization server an address may begin in a minute. Each is a record for 15 minutes. */
export const INTERACTIONS_PER_MINUTE = 100;

/** How many sites may be asked in a minute for an organization that claims them. */
export const ORIGIN_CHECKS_PER_MINUTE = 20;

/** How often the webhooks of an organization may be tried by hand in a minute. */
export const WEBHOOK_TESTS_PER_MINUTE = 20;

/**
 * How many browsers without our cookie a site may send to sign in within a minute, from one address and of one kind,
 * before they are asked to confirm.
 */
export const SENT_TO_SIGN_IN_PER_MINUTE = 5;

const SIGN_IN = { windowMs: SIGN_IN_WINDOW_MS, description: 'Too many attempts to sign in. Try again later.' };
const FROM_NETWORK = { what: 'sign-in account', max: SIGN_INS_PER_ACCOUNT, ...SIGN_IN };
const FROM_STRANGERS = { what: 'sign-in strangers', max: SIGN_INS_FROM_STRANGERS, ...SIGN_IN };
const SLOWED = { what: 'sign-in slowed', max: 1, ...SIGN_IN, windowMs: SLOW_MS };

interface Limit {
  /** What is counted. Its keys begin with this text. */
  what: string;
  max: number;
  windowMs: number;
  description?: string;
}

/** The count for somebody, until `end`. */
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
 * Limits guessing. Only wrong attempts count, so that somebody at the same address as an attacker can still get in with
 * a valid token. Counting is one statement, for any number of instances.
 */
@Injectable()
export class AttemptsService {
  /**
   * Keys of addresses that are over a limit in the minute `blockedIn`, so that nothing needs to be written for them.
   */
  private readonly blocked = new Set<string>();
  private blockedIn = 0;

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /**
   * Counts a wrong token of the kind `what`.
   *
   * @throws DomainError `too_many_requests` if the address is over the limit
   */
  async countWrongToken(what: 'login' | 'bearer', address: string): Promise<void> {
    await this.countFrom(address, { what, max: WRONG_TOKENS_PER_MINUTE, windowMs: MINUTE_MS });
  }

  /**
   * Counts wrong credentials at the token endpoint: of a client, a code, a refresh token or an assertion.
   *
   * @throws DomainError `too_many_requests` if the address is over the limit
   */
  async countWrongCredentials(address: string): Promise<void> {
    const description = 'Too many wrong credentials from this address. Try again later.';
    await this.countFrom(address, { what: 'oauth', max: WRONG_TOKENS_PER_MINUTE, windowMs: MINUTE_MS, description });
  }

  /** Counts the start of a sign-in. @throws DomainError `too_many_requests` if the address is over the limit */
  async countInteraction(address: string): Promise<void> {
    const description = 'Too many sign-ins were started from this address. Try again later.';
    await this.countFrom(address, { what: 'begun', max: INTERACTIONS_PER_MINUTE, windowMs: MINUTE_MS, description });
  }

  /**
   * Counts a browser that is sent to sign in. A browser that refuses cookies comes back each time and gets a new
   * session.
   *
   * @throws DomainError `too_many_requests` if it is over the limit
   */
  async countSentToSignIn(address: string, userAgent: string): Promise<void> {
    const what = `sent ${hashSecret(userAgent)}`;
    await this.countFrom(address, { what, max: SENT_TO_SIGN_IN_PER_MINUTE, windowMs: MINUTE_MS });
  }

  /**
   * Counts an attempt to sign in before it is made, for the network and for the account. Wrong passwords from elsewhere
   * lock nobody out who uses a network from which they have signed in before: there, many attempts only become slow.
   *
   * @throws DomainError `too_many_requests` if one of them is over its limit
   */
  async countSignIn(account: string, address: string): Promise<void> {
    // The network comes first: if it is over its limit, nothing counts for the account.
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

  /**
   * Forgets the attempts on an account from a network from which its owner has now signed in, and remembers the
   * network.
   */
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

  /** Counts that a webhook of an organization is tried by hand. @throws DomainError `too_many_requests` */
  async countWebhookTest(organizationId: string): Promise<void> {
    const description = 'Too many webhooks were tried for this organization. Try again later.';
    const limit = { what: 'webhook', max: WEBHOOK_TESTS_PER_MINUTE, windowMs: MINUTE_MS, description };
    await this.count(this.windowOf(organizationId, limit), limit);
  }

  async prune(): Promise<void> {
    await prune(this.database, PRUNE, [this.clock.now()]);
  }

  /** Counts for an address. While an address is over the limit, nothing is written for up to a minute. */
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
