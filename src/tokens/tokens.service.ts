import { Injectable } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import { decodeProtectedHeader } from 'jose';
import { Clock, CLOCK_SKEW, toNumericDate } from '../common/clock.js';
import { loginOfToken } from '../common/login-id.js';
import { Settings } from '../config/settings.js';
import { KeyRing } from './key-ring.js';
import type { Key } from './key-ring.js';
import { SigningKeysService, USUAL_LIFETIME } from './signing-keys.service.js';
import type { KeyPurpose } from '../schema/entities/signing-key.entity.js';

/** The claims of every token of ours (RFC 7519, section 4.1). Instants are NumericDates. */
export interface RegisteredClaims {
  iss: string;
  sub: string;
  aud: string;
  iat: number;
  exp: number;
  jti: string;
}

/** @see docs/api.md, section 4.3: the claims of Drillster's sample, and `act` of RFC 8693, section 4.1 */
export interface LoginTokenClaims extends RegisteredClaims {
  client_id: string;
  authorities: string[];
  scope: string[];
  act: { sub: string };
}

/** The claims of a token that can let a visitor in. */
export type EntryClaims = Pick<LoginTokenClaims, 'jti' | 'sub' | 'client_id' | 'act'>;

/** @see RFC 9068, section 2.2 */
export interface AccessTokenClaims extends RegisteredClaims {
  client_id: string;
  /** Scopes, separated by spaces. A token without any may do nothing. */
  scope?: string;
  /** The service account that acts for `sub` (RFC 8693, section 4.1). */
  act?: { sub: string };
  /** The grant that the token came from. All tokens of one grant are revoked together. */
  grant_id?: string;
  /** The service account's key that verified the assertion for which the token was issued. */
  key_id?: string;
}

/**
 * The claims that tell a protected site's application who its visitor is (docs/proxies.md). `aud` is the site's origin.
 */
export interface IdentityAssertionClaims extends RegisteredClaims {
  client_id: string;
  /** Who let the visitor in (RFC 8693, section 4.1). */
  act: { sub: string };
  name: string;
  email?: string;
}

export class TokenError extends Error {
  /**
   * `revoked` means that the token was valid, but what it came from is gone. `claims` are those of a token that is ours
   * and has expired, for the audit record.
   */
  constructor(
    readonly reason: 'invalid' | 'expired' | 'revoked',
    readonly claims?: RegisteredClaims,
  ) {
    super(`The token is ${reason}.`);
  }
}

/** The purposes of the keys whose tokens are signed and verified here. The engine signs ID tokens. */
type OwnPurpose = Exclude<KeyPurpose, `ID_${string}`>;

/** A key of one of these purposes. None of them signs by EdDSA, which jsonwebtoken does not know. */
type OwnKey = Key & { algorithm: Exclude<Key['algorithm'], 'EdDSA'> };

interface Kind {
  purpose: OwnPurpose;
  /** The `typ` header (RFC 8725, section 3.11). With the audience and the key, it keeps the kinds of tokens apart. */
  typ: string;
  /** The path under the public URL. */
  audiencePath: string;
  /** Seconds after `exp` for which the token is still accepted. */
  expiryLeeway: number;
}

const KINDS = {
  /** Login tokens are issued and redeemed here, and their records have the same expiry, so they need no leeway. */
  login: { purpose: 'LOGIN', typ: 'login+jwt', audiencePath: '/login', expiryLeeway: 0 },
  access: { purpose: 'ACCESS', typ: 'at+jwt', audiencePath: '/api', expiryLeeway: CLOCK_SKEW },
} as const satisfies Record<string, Kind>;

interface ClaimsOf {
  login: LoginTokenClaims;
  access: AccessTokenClaims;
}

type Audienced = 'iss' | 'aud';

/** Longer than any of our tokens. A longer text is not worth parsing. */
const MAX_LENGTH = 4096;
const COMPACT_JWS = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const HEADER_PARAMETERS = new Set(['alg', 'typ', 'kid']);
const REQUIRED_STRINGS = ['sub', 'jti', 'client_id'] as const;
const OPTIONAL_STRINGS = ['grant_id', 'key_id'] as const;

/** Signs and verifies JWTs. A token of one kind is never accepted as another kind. */
@Injectable()
export class TokensService {
  constructor(
    private readonly jwt: JwtService,
    private readonly keys: KeyRing,
    private readonly signingKeys: SigningKeysService,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /** Signs a token. Its key is kept until the token has expired, however late that is. */
  async sign<K extends keyof ClaimsOf>(kind: K, claims: Omit<ClaimsOf[K], Audienced>): Promise<string> {
    const { purpose, typ } = KINDS[kind];
    await this.keys.refresh();
    if (claims.exp - claims.iat > USUAL_LIFETIME) {
      const { kid } = this.keys.signing(purpose);
      await this.signingKeys.keepFor(kid, new Date(claims.exp * 1000));
    }
    return this.signAs(purpose, typ, { aud: this.audience(kind), ...claims });
  }

  /**
   * Signs a token that tells a site's application who its visitor is. This service itself accepts it for nothing. The
   * keys are not read again first.
   */
  signIdentityAssertion(site: string, claims: Omit<IdentityAssertionClaims, Audienced>): string {
    return this.signAs('ACCESS', 'latchkey-assertion+jwt', { aud: site, ...claims });
  }

  /** Verifies a token. @throws TokenError `expired` if it was valid once, `invalid` otherwise */
  async verify<K extends keyof ClaimsOf>(kind: K, token: string): Promise<ClaimsOf[K] & { kid: string }> {
    const key = await this.requireKey(KINDS[kind], token);
    const claims = this.requireSignedClaims(kind, token, key) as ClaimsOf[K];
    const now = toNumericDate(this.clock.now());
    if (claims.iat > now + CLOCK_SKEW) throw new TokenError('invalid');
    if (claims.exp + KINDS[kind].expiryLeeway <= now) throw new TokenError('expired', claims);
    return { ...claims, kid: key.kid };
  }

  /** The claims of a valid token, or `null`. @throws the database's error if the keys can't be read */
  find<K extends keyof ClaimsOf>(kind: K, token: string): Promise<(ClaimsOf[K] & { kid: string }) | null> {
    return this.verify(kind, token).catch(toNull);
  }

  /**
   * The claims of a token that can let a visitor in: a login token, or a service account's access token for a user,
   * which hosts that were written for Drillster append to addresses. As for any login token, its record decides whether
   * it starts a session.
   *
   * @throws TokenError
   */
  async verifyEntry(token: string): Promise<EntryClaims> {
    if (readHeader(token)?.typ !== KINDS.access.typ) {
      const claims = await this.verify('login', token);
      return { ...claims, jti: loginOfToken(claims) };
    }
    const { act, ...claims } = await this.verify('access', token);
    // RFC 9068, section 2.2.3: the scope of an access token is a string. That of a login token is an array.
    if (!act || typeof claims.scope !== 'string') throw new TokenError('invalid');
    return { ...claims, act, jti: loginOfToken(claims) };
  }

  /**
   * The claims of a token that can let a visitor in, or `null` if it is not valid. @throws the database's error if the
   * keys can't be read
   */
  findEntry(token: string): Promise<EntryClaims | null> {
    return this.verifyEntry(token).catch(toNull);
  }

  /** Whether a token that was verified before is still valid. */
  isStillGood(kind: keyof ClaimsOf, claims: { exp: number; kid: string }): boolean {
    return claims.exp + KINDS[kind].expiryLeeway > toNumericDate(this.clock.now()) && this.keys.has(claims.kid);
  }

  private signAs(purpose: OwnPurpose, typ: string, claims: object): string {
    const { algorithm, kid, signing } = this.keys.signing(purpose) as OwnKey;
    const payload = { iss: this.settings.PUBLIC_URL, ...claims };
    return this.jwt.sign(payload, { algorithm, privateKey: signing, header: { alg: algorithm, typ, kid } });
  }

  private audience(kind: keyof ClaimsOf): string {
    return this.settings.PUBLIC_URL + KINDS[kind].audiencePath;
  }

  /**
   * The key to try. Nothing else in the header is trusted: the token is invalid if its header contains a key, a
   * critical extension or another algorithm than the key's own (RFC 8725, section 3.1).
   */
  private async requireKey({ purpose, typ }: Kind, token: string): Promise<OwnKey> {
    const header = readHeader(token);
    if (header?.typ !== typ || typeof header.kid !== 'string') throw new TokenError('invalid');
    if (!Object.keys(header).every((name) => HEADER_PARAMETERS.has(name))) throw new TokenError('invalid');
    const key = await this.keys.find(purpose, header.kid);
    if (!key || header.alg !== key.algorithm) throw new TokenError('invalid');
    return key as OwnKey;
  }

  /**
   * The claims of a token with a valid signature. A missing claim never means that its check is skipped: every claim is
   * required.
   */
  private requireSignedClaims(kind: keyof ClaimsOf, token: string, key: OwnKey): RegisteredClaims {
    let claims: Record<string, unknown>;
    try {
      claims = this.jwt.verify(token, {
        // The wrapper's type is narrower than what jsonwebtoken accepts.
        publicKey: key.verifying as unknown as Buffer,
        algorithms: [key.algorithm],
        issuer: this.settings.PUBLIC_URL,
        audience: this.audience(kind),
        ignoreExpiration: true,
        clockTimestamp: toNumericDate(this.clock.now()),
        clockTolerance: CLOCK_SKEW,
      });
    } catch {
      throw new TokenError('invalid');
    }
    const complete =
      REQUIRED_STRINGS.every((name) => isText(claims[name])) &&
      Number.isSafeInteger(claims.iat) &&
      Number.isSafeInteger(claims.exp) &&
      typeof claims.aud === 'string';
    if (!complete || !areOtherClaimsLegal(kind, claims)) throw new TokenError('invalid');
    return claims as unknown as RegisteredClaims;
  }
}

function toNull(error: unknown): null {
  if (error instanceof TokenError) return null;
  throw error;
}

/**
 * Whether `act` and the optional claims are legal. A login token always says who asked for it. A claim that may be
 * missing is checked just as strictly when it is there.
 */
function areOtherClaimsLegal(kind: keyof ClaimsOf, { act, ...claims }: Record<string, unknown>): boolean {
  const isActorLegal = isText((act as { sub?: unknown } | null | undefined)?.sub);
  return (
    (isActorLegal || (kind === 'access' && act === undefined)) &&
    OPTIONAL_STRINGS.every((name) => !(name in claims) || isText(claims[name]))
  );
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

function readHeader(token: string): Record<string, unknown> | null {
  if (token.length > MAX_LENGTH || !COMPACT_JWS.test(token)) return null;
  try {
    return decodeProtectedHeader(token);
  } catch {
    return null;
  }
}
