import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import { Strategy } from 'passport-http-bearer';
import { Clock } from '../common/clock.js';
import { BELIEVED_MS, RecentAnswers } from '../common/recent-answers.js';
import { TokenError } from '../tokens/tokens.service.js';
import type { AuthenticatedCaller } from '../common/caller.js';
import { REALM } from '../http/challenge.js';
import { ExternalTokensService } from './external-tokens.service.js';
import { OwnTokensService } from './own-tokens.service.js';
import type { VerifiedToken } from './own-tokens.service.js';

/** Access tokens whose signature was checked, at most; one takes less than a kilobyte. */
const CACHE_SIZE = 10_000;

/**
 * Bearer tokens (RFC 6750) from the Authorization header. A signature is checked once for each token, what a token
 * came from every one and a half seconds, and what changes with time at every call.
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
    this.known = new RecentAnswers(clock, { size: CACHE_SIZE, lifetimeMs: BELIEVED_MS });
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
    const recalled = this.known.recall(digest);
    if (recalled && recalled.isStillGood()) return recalled.caller;
    if (recalled) this.known.forget(digest);
    return (await this.known.get(digest, (before) => this.ask(token, before)))!.caller;
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
