import { Injectable, Logger } from '@nestjs/common';
import type { OnApplicationBootstrap } from '@nestjs/common';
import { decodeJwt, errors, jwtVerify } from 'jose';
import type { JWTPayload } from 'jose';
import { Clock, CLOCK_SKEW, toNumericDate } from '../common/clock.js';
import { DomainError } from '../common/errors/errors.js';
import { hashSecret } from '../common/id.js';
import { Settings } from '../config/settings.js';
import type { TrustedIssuer } from '../config/trusted-issuer.js';
import { Database } from '../database/database.js';
import type { Parameter, Statement } from '../database/statement.js';
import { TokenError } from '../tokens/tokens.service.js';
import { refParameters, statementsByRef } from '../schema/user-ref-sql.js';
import { parseUserRef, thirdPartyRef } from '../common/user-ref.js';
import type { NamingRef } from '../common/user-ref.js';
import { invalidAccessToken } from '../http/challenge.js';
import { SCOPE } from './called-by.decorator.js';
import { IssuerKeys, KEYS_FRESH_MS } from './issuer-keys.js';
import type { VerifiedToken } from './own-tokens.service.js';

/** Characters of a token. It is more than for our own tokens, because other issuers put more into theirs. */
const MAX_LENGTH = 8192;

/** Asymmetric algorithms only: nobody who has just the published key can sign with them. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

/**
 * Finds the account that a token names, if it is active and managed by the organization of the issuer's client; and
 * whether it is staff or has a permission.
 */
const FIND = statementsByRef(
  'find_account_of_issuer_by',
  ({ userId }) =>
    `SELECT u."id" AS "userId", (u."staff_organization_id" IS NOT NULL
       OR EXISTS (SELECT 1 FROM "account_permissions" p WHERE p."user_id" = u."id")) AS "isStaff" FROM "clients" c
     JOIN "users" u ON u."organization_id" = c."organization_id" AND u."status" = 'ACTIVE'
     WHERE c."id" = $1 AND u."id" = ${userId}
       AND NOT EXISTS (SELECT 1 FROM "revoked_tokens" r WHERE r."id" = $2)`,
  { first: 3 },
);

const CLIENT: Statement = { name: 'is_client_of_issuer', sql: `SELECT 1 AS "yes" FROM "clients" WHERE "id" = $1` };

interface FoundAccount {
  userId: string;
  isStaff: unknown;
}

interface Source {
  trusted: TrustedIssuer;
  keys: IssuerKeys;
}

/** Verifies access tokens of the authorization servers in OAUTH_ISSUERS. */
@Injectable()
export class ExternalTokensService implements OnApplicationBootstrap {
  private readonly sources: ReadonlyMap<unknown, Source>;

  constructor(
    { OAUTH_ISSUERS, isProduction }: Settings,
    private readonly database: Database,
    private readonly clock: Clock,
  ) {
    this.sources = new Map(
      OAUTH_ISSUERS.map((trusted) => [
        trusted.issuer,
        { trusted, keys: new IssuerKeys(trusted.issuer, isProduction, clock) },
      ]),
    );
  }

  async onApplicationBootstrap(): Promise<void> {
    for (const { trusted } of this.sources.values())
      if ((await this.database.read(CLIENT, [trusted.clientId])).length === 0)
        new Logger('ExternalTokens').warn(
          `There is no client ${trusted.clientId}. The tokens of ${trusted.issuer} are refused until it exists.`,
        );
  }

  /** Whether a token claims to come from one of the issuers. Nothing is verified yet. */
  claims(token: string): boolean {
    return this.sources.size > 0 && this.sourceOf(token) !== undefined;
  }

  /**
   * Verifies a token and finds its account. @throws TokenError; DomainError `unavailable` if the issuer's keys can't be
   * fetched
   */
  async verify(token: string): Promise<VerifiedToken> {
    const source = this.sourceOf(token);
    if (!source) throw new TokenError('invalid');
    const claims = await this.requireSignedClaims(source, token);
    const statement = FIND[source.trusted.account];
    const parameters = [
      source.trusted.clientId,
      tokenIdOf(claims),
      ...refParameters(requireAccount(source.trusted, claims)),
    ];
    const account = await this.find(statement, parameters);
    // The signature is valid, so this does not count as a guess.
    if (account === null) throw new TokenError('revoked');
    const { userId } = account;
    const { clientId, scope } = source.trusted;
    const namesSameAccount = (found: FoundAccount | null): boolean =>
      found?.userId === userId && mayName(source.trusted, found);
    if (!namesSameAccount(account)) throw staffNeedsId(source.trusted);
    const verifiedAt = this.clock.now().getTime();
    return {
      caller: { userId, clientId, scopes: scopesOf(claims).includes(scope) ? [SCOPE] : [] },
      // The token is verified again now and then, so that a key that its issuer withdraws stops working.
      isStillGood: () => this.isFresh(verifiedAt) && claims.exp! + CLOCK_SKEW > toNumericDate(this.clock.now()),
      isLive: async () => namesSameAccount(await this.find(statement, parameters)),
    };
  }

  /** Verifies a token by RFC 9068, section 4. The key always comes from the issuer, whatever the header says. */
  private async requireSignedClaims({ trusted, keys }: Source, token: string): Promise<JWTPayload> {
    try {
      const { payload } = await jwtVerify(token, (header, jws) => keys.find(header, jws), {
        typ: 'at+jwt',
        algorithms: ALGORITHMS,
        issuer: trusted.issuer,
        audience: trusted.audience,
        clockTolerance: CLOCK_SKEW,
        currentDate: this.clock.now(),
        requiredClaims: ['iss', 'exp', 'aud', 'sub', 'client_id', 'iat', 'jti'],
      });
      // An issuer may let users enter any address, so only a verified one counts.
      if (trusted.account === 'emailAddress' && payload.email_verified !== true) throw new TokenError('invalid');
      if (!areClaimsLegal(payload, toNumericDate(this.clock.now()))) throw new TokenError('invalid');
      return payload;
    } catch (error) {
      if (error instanceof DomainError) throw error;
      throw new TokenError(error instanceof errors.JWTExpired ? 'expired' : 'invalid');
    }
  }

  private async find(statement: Statement, parameters: Parameter[]): Promise<FoundAccount | null> {
    return (await this.database.read<FoundAccount>(statement, parameters))[0] ?? null;
  }

  private isFresh(verifiedAt: number): boolean {
    const age = this.clock.now().getTime() - verifiedAt;
    return age >= 0 && age <= KEYS_FRESH_MS;
  }

  private sourceOf(token: string): Source | undefined {
    if (token.length > MAX_LENGTH) return undefined;
    try {
      return this.sources.get(decodeJwt(token).iss);
    } catch {
      return undefined;
    }
  }
}

/**
 * Refuses tokens that are bound to a holder's key (`cnf`) or used on somebody's behalf (`act`), since neither is
 * checked here.
 */
function areClaimsLegal({ sub, client_id, jti, iat, exp, cnf, act }: JWTPayload, now: number): boolean {
  const areTexts = [sub, client_id, jti].every((value) => typeof value === 'string' && value !== '');
  const areInstants = Number.isSafeInteger(exp) && Number.isSafeInteger(iat) && iat! <= now + CLOCK_SKEW;
  return areTexts && areInstants && cnf === undefined && act === undefined;
}

/**
 * Whether an issuer may name this account. Whoever edits accounts could give an administrator's account their own
 * address or third-party ID, so administrators are named by user ID, which nobody can edit.
 */
function mayName({ account }: TrustedIssuer, { isStaff }: FoundAccount): boolean {
  return account === 'id' || !isStaff;
}

function staffNeedsId({ account }: TrustedIssuer): DomainError {
  return invalidAccessToken(
    `The token names a staff account by ${account}. OAUTH_ISSUERS must name staff by id, which cannot be changed.`,
  );
}

/** The ID under which a token can be revoked. None of our own tokens has an ID of this form. */
function tokenIdOf({ iss, jti }: JWTPayload): string {
  return hashSecret(`${iss}\n${jti}`);
}

/** The account that the claim names. @throws TokenError if the claim is not a reference of the configured kind */
function requireAccount({ account, claim, thirdParty }: TrustedIssuer, claims: JWTPayload): NamingRef {
  const value = claims[claim];
  try {
    if (typeof value !== 'string') throw new Error('no text');
    const ref = thirdParty === undefined ? parseUserRef(value) : thirdPartyRef(thirdParty, value);
    if (ref.by !== 'self' && ref.by === account) return ref;
  } catch {
    // Whatever the fault is, the claim names nobody.
  }
  throw new TokenError('invalid');
}

/** The scopes of a token: a text with spaces by RFC 8693, section 4.2, or an array, which some issuers send. */
function scopesOf({ scope }: JWTPayload): unknown[] {
  return typeof scope === 'string' ? scope.split(' ') : Array.isArray(scope) ? scope : [];
}
