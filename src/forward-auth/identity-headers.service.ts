import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Clock, toNumericDate } from '../common/clock.js';
import { KeyRing } from '../tokens/key-ring.js';
import { TokensService } from '../tokens/tokens.service.js';
import type { Visitor } from '../sessions/live/known-visitors.js';
import { identityHeaders } from './identity-headers.js';

/** Seconds for which an identity assertion is valid, and after which a new one is signed. */
const LIFETIME = 300;
const RENEWED_AFTER = 150;

interface CachedHeaders {
  /** Names and values in turn, so that an answer needs no further work. */
  headers: string[];
  /** When to sign again, in milliseconds. */
  renewAt: number;
  /** The key that has signed the assertion. */
  kid: string;
}

/** Makes the headers that tell a site's application who its visitor is. One of them is a signed assertion. */
@Injectable()
export class IdentityHeadersService {
  /**
   * Signing takes longer than everything else, so it is done once for a visitor and a site until the assertion has to
   * be renewed.
   */
  private readonly cache = new WeakMap<Visitor, Map<string, CachedHeaders>>();

  constructor(
    private readonly tokens: TokensService,
    private readonly keys: KeyRing,
    private readonly clock: Clock,
  ) {}

  /** Whether this instance knows recent changes of the keys by other instances. */
  get isUpToDate(): boolean {
    return this.keys.isUpToDate;
  }

  /** Makes this instance know a key that another one has taken out of use. */
  refresh(): Promise<void> {
    return this.keys.refresh();
  }

  /** The identity headers for a site where the visitor's session counts: names and values in turn. */
  headersFor(visitor: Visitor, site: string): readonly string[] {
    const cached = this.cache.get(visitor)?.get(site);
    const isGood = cached && this.keys.has(cached.kid) && this.clock.now().getTime() < cached.renewAt;
    return isGood ? cached.headers : this.makeHeaders(visitor, site);
  }

  private makeHeaders(visitor: Visitor, site: string): string[] {
    const now = this.clock.now();
    const headers = Object.entries(identityHeaders(visitor, this.sign(visitor, site, toNumericDate(now)))).flat();
    const sites = this.cache.get(visitor) ?? new Map<string, CachedHeaders>();
    this.cache.set(visitor, sites);
    sites.set(site, { headers, renewAt: now.getTime() + RENEWED_AFTER * 1000, kid: this.keys.signing('ACCESS').kid });
    return headers;
  }

  private sign({ session, name, emailAddress }: Visitor, site: string, iat: number): string {
    return this.tokens.signIdentityAssertion(site, {
      sub: session.userId,
      act: { sub: session.actorId },
      client_id: session.clientId,
      name,
      ...(emailAddress ? { email: emailAddress } : {}),
      jti: randomUUID(),
      iat,
      exp: iat + LIFETIME,
    });
  }
}
