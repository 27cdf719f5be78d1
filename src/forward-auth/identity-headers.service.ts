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
  /** Names and values in turn: nothing has to be put together for an answer. */
  headers: string[];
  /** In milliseconds. */
  renewAt: number;
  /** The key with which it was signed. */
  kid: string;
}

/** The headers that tell the application of a site who its visitor is. A signed assertion is one of them. */
@Injectable()
export class IdentityHeadersService {
  /** Signing takes longer than everything else: it is done once for a visitor, a site and some minutes. */
  private readonly cache = new WeakMap<Visitor, Map<string, CachedHeaders>>();

  constructor(
    private readonly tokens: TokensService,
    private readonly keys: KeyRing,
    private readonly clock: Clock,
  ) {}

  /** Whether what another instance did with the keys is known here, as far as it has to be. */
  get isUpToDate(): boolean {
    return this.keys.isUpToDate;
  }

  /** Has a key that another instance took out of use be known here. */
  refresh(): Promise<void> {
    return this.keys.refresh();
  }

  /** The identity headers for the site, which is one that the visitor may be on: names and values in turn. */
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
