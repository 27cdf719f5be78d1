import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import { Strategy } from 'passport-http-bearer';
import { TokensService } from '../oauth/tokens.service.js';
import type { Caller } from './caller.js';

export const REALM = 'latchkey';

/** Access tokens whose signature was checked, at most; one takes about 300 bytes. */
const CACHE_SIZE = 10_000;

interface Verified extends Caller {
  exp: number;
  kid: string;
}

/**
 * Bearer tokens (RFC 6750) from the Authorization header. A signature is checked once for each
 * token; what changes with time is checked at every call.
 */
@Injectable()
export class BearerStrategy extends PassportStrategy(Strategy, 'bearer') {
  private readonly verified = new Map<string, Verified>();

  constructor(private readonly tokens: TokensService) {
    super({ realm: REALM });
  }

  /**
   * The library would also take a token from the body or the query string, and knows only the
   * scheme `Bearer`: it is shown nothing but the header, and `OAuth` under its newer name.
   */
  override authenticate(request: { headers: { authorization?: string } }): void {
    const credentials = /^(?:bearer|oauth) +(\S.*)$/i.exec(request.headers.authorization ?? '')?.[1];
    const headers = credentials === undefined ? {} : { authorization: `Bearer ${credentials.trimEnd()}` };
    super.authenticate({ headers } as never);
  }

  /** @throws TokenError */
  async validate(token: string): Promise<Caller> {
    // The digest is the key so that the memory of the process holds no token that works.
    const digest = hash('sha256', token, 'base64url');
    const known = this.verified.get(digest);
    if (known && this.tokens.isStillGood('access', known)) return known;
    this.verified.delete(digest);
    const { sub, client_id, exp, kid } = await this.tokens.verify('access', token);
    this.remember(digest, { userId: sub, clientId: client_id, exp, kid });
    return { userId: sub, clientId: client_id };
  }

  private remember(digest: string, caller: Verified): void {
    if (this.verified.size >= CACHE_SIZE) this.verified.delete(this.verified.keys().next().value!);
    this.verified.set(digest, caller);
  }
}
