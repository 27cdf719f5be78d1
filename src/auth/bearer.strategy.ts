import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import { Strategy } from 'passport-http-bearer';
import { Clock } from '../common/clock.js';
import { CACHE_MS, RecentAnswers } from '../common/recent-answers.js';
import { TokenError } from '../tokens/tokens.service.js';
import type { AuthenticatedCaller } from '../common/caller.js';
import { REALM } from '../http/challenge.js';
import { ExternalTokensService } from './external-tokens.service.js';
import { OwnTokensService } from './own-tokens.service.js';
import type { VerifiedToken } from './own-tokens.service.js';

/** How many verified access tokens the cache holds. One takes less than a kilobyte. */
const CACHE_SIZE = 10_000;

interface CallingRequest {
  headers: { authorization?: string };
}

/**
 * Authenticates callers by bearer tokens in the Authorization header (RFC 6750). A token's signature is checked once;
 * what the token came from is checked every 1.5 seconds; what depends on the time is checked at every call.
 */
@Injectable()
export class BearerStrategy extends PassportStrategy(Strategy, 'bearer') {
  private readonly known: RecentAnswers<VerifiedToken>;

  constructor(
    private readonly own: OwnTokensService,
    private readonly external: ExternalTokensService,
    clock: Clock,
  ) {
    super({ realm: REALM });
    this.known = new RecentAnswers(clock, { size: CACHE_SIZE, lifetimeMs: CACHE_MS });
  }

  /**
   * The caller that sends a request, or `null` if the request has no credentials. Each request gets its own instance of
   * the strategy. Passport's middleware would set the callbacks of all requests on the one strategy, so that concurrent
   * requests could get each other's answers; it also costs several times what everything else here does.
   *
   * @throws whatever `validate` throws
   */
  identify(request: CallingRequest): Promise<AuthenticatedCaller | null> {
    // The library would also read a token from the body or the query string, and it knows only the scheme `Bearer`. It
    // gets only the header, with `OAuth` renamed to `Bearer`.
    const credentials = credentialsOf(request);
    const headers = credentials === undefined ? {} : { authorization: `Bearer ${credentials}` };
    const { _verify, _realm, _challenge } = this as unknown as Record<string, unknown>;
    return new Promise((success, error) => {
      // The library fails with a challenge if there is no token, and with status 400 if the header is malformed.
      const fail = (reason: unknown): void => (reason === 400 ? error(new TokenError('invalid')) : success(null));
      super.authenticate.call({ _verify, _realm, _challenge, success, error, fail } as never, { headers } as never);
    });
  }

  /**
   * Finds the caller that a token authenticates. @throws TokenError; DomainError `unavailable` if the issuer's keys
   * can't be fetched; the database's error if it can't be queried, so that nobody is let in
   */
  async validate(token: string): Promise<AuthenticatedCaller> {
    const digest = digestOf(token);
    const cached = this.known.getCached(digest);
    if (cached && cached.isStillGood()) return cached.caller;
    if (cached) this.known.forget(digest);
    return (await this.known.get(digest, (before) => this.ask(token, before)))!.caller;
  }

  /** The caller that sends a request, if its token is known and counts now. Otherwise `null`, which says nothing. */
  findKnown(request: CallingRequest): AuthenticatedCaller | null {
    const token = credentialsOf(request);
    const cached = token === undefined ? undefined : this.known.getCached(digestOf(token));
    return cached?.isStillGood() ? cached.caller : null;
  }

  private async ask(text: string, before: VerifiedToken | undefined): Promise<VerifiedToken> {
    const token = before?.isStillGood() ? before : await this.verify(text);
    if (!(await token.isLive())) throw new TokenError('revoked');
    return token;
  }

  private verify(text: string): Promise<VerifiedToken> {
    return (this.external.claims(text) ? this.external : this.own).verify(text);
  }
}

/** What follows the scheme in the header, if that is `Bearer` or `OAuth`. */
function credentialsOf({ headers }: CallingRequest): string | undefined {
  return /^(?:bearer|oauth) +(\S.*)$/i.exec(headers.authorization ?? '')?.[1]?.trimEnd();
}

/** The cache's key of a token. The process's memory then holds no usable token. */
function digestOf(token: string): string {
  return hash('sha256', token, 'base64url');
}
