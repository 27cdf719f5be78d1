import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import { Strategy } from 'passport-http-bearer';
import { Clock } from '../common/clock.js';
import { TokenError } from '../oauth/tokens.service.js';
import type { AuthenticatedCaller } from './caller.js';
import { ExternalTokensService } from './external-tokens.service.js';
import { OwnTokensService } from './own-tokens.service.js';
import type { VerifiedToken } from './own-tokens.service.js';

export const REALM = 'latchkey';

/** Access tokens whose signature was checked, at most; one takes less than a kilobyte. */
const CACHE_SIZE = 10_000;

/**
 * Milliseconds for which the answer of the database about a token is believed. A revocation reaches every
 * instance within two seconds, whether anybody tells it or not; the rest is for the statement itself.
 */
export const STATE_LIFETIME_MS = 1_500;

interface Known {
  token: VerifiedToken;
  /** When the database was last asked, and said that the token counts, in milliseconds. */
  liveAt: number;
  /** Calls with the same token that come while the database is asked wait for the same answer. */
  asking: Promise<void> | null;
}

/**
 * Bearer tokens (RFC 6750) from the Authorization header. A signature is checked once for each token, what a token
 * came from every one and a half seconds, and what changes with time at every call.
 */
@Injectable()
export class BearerStrategy extends PassportStrategy(Strategy, 'bearer') {
  private readonly known = new Map<string, Known>();

  constructor(
    private readonly own: OwnTokensService,
    private readonly external: ExternalTokensService,
    private readonly clock: Clock,
  ) {
    super({ realm: REALM });
  }

  /**
   * Who sends a request, or `null` if it has no credentials. Each request has its own attempt at the strategy: passport's
   * middleware would put the callbacks of all requests on the strategy itself, so that of two at the same time one
   * answers the other, and costs several times what everything else here does.
   *
   * @throws what `validate` throws
   */
  identify(request: { headers: { authorization?: string } }): Promise<AuthenticatedCaller | null> {
    // The library would also take a token from the body or the query string, and knows only the scheme `Bearer`: it is
    // shown nothing but the header, and `OAuth` under its newer name.
    const credentials = /^(?:bearer|oauth) +(\S.*)$/i.exec(request.headers.authorization ?? '')?.[1];
    const headers = credentials === undefined ? {} : { authorization: `Bearer ${credentials.trimEnd()}` };
    const { _verify, _realm, _challenge } = this as unknown as Record<string, unknown>;
    return new Promise((success, error) => {
      // With a challenge for no token, and the status 400 for a header that can be none.
      const fail = (reason: unknown): void => (reason === 400 ? error(new TokenError('invalid')) : success(null));
      super.authenticate.call({ _verify, _realm, _challenge, success, error, fail } as never, { headers } as never);
    });
  }

  /** @throws TokenError; DomainError `unavailable` without the issuer's keys; and what the database throws when it can't be asked: then nobody is let in. */
  async validate(token: string): Promise<AuthenticatedCaller> {
    // The digest is the key so that the memory of the process holds no token that works.
    const digest = hash('sha256', token, 'base64url');
    const known = this.find(digest) ?? (await this.verify(digest, token));
    if (!this.isFresh(known)) await (known.asking ??= this.ask(known));
    return known.token.caller;
  }

  private find(digest: string): Known | null {
    const known = this.known.get(digest);
    if (!known) return null;
    if (known.token.isStillGood()) return known;
    this.known.delete(digest);
    return null;
  }

  private async verify(digest: string, text: string): Promise<Known> {
    const source = this.external.claims(text) ? this.external : this.own;
    const token = await source.verify(text);
    // Another call with the same token may have been faster.
    return this.known.get(digest) ?? this.remember(digest, token);
  }

  private remember(digest: string, token: VerifiedToken): Known {
    if (this.known.size >= CACHE_SIZE) this.known.delete(this.known.keys().next().value!);
    const known = { token, liveAt: -Infinity, asking: null };
    this.known.set(digest, known);
    return known;
  }

  /** A clock that was set back makes no answer younger. */
  private isFresh({ liveAt }: Known): boolean {
    const age = this.clock.now().getTime() - liveAt;
    return age >= 0 && age <= STATE_LIFETIME_MS;
  }

  private async ask(known: Known): Promise<void> {
    const askedAt = this.clock.now().getTime();
    try {
      const isLive = await known.token.isLive();
      known.liveAt = isLive ? askedAt : -Infinity;
      if (!isLive) throw new TokenError('revoked');
    } finally {
      known.asking = null;
    }
  }
}
