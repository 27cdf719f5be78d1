import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AttemptsService } from '../limits/attempts.service.js';
import type { Caller } from '../common/caller.js';
import { Clock, toIso } from '../common/clock.js';
import { pauseDeadline } from '../common/deadline.js';
import { DomainError } from '../common/errors/errors.js';
import { guardedRequest, RequestError } from '../common/guarded-request.js';
import { newSecret } from '../common/id.js';
import { TrustedProxies } from '../common/trusted-proxies.js';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { insertOrIgnore } from '../database/insert-or-ignore.js';
import { isLegalOrigin } from '../clients/client-addresses.js';
import { OAuthPolicy } from '../clients/oauth.policy.js';
import { Origin } from '../schema/entities/origin.entity.js';
import { OriginsService } from '../clients/origins.service.js';
import type { OriginDto, OriginsDto } from './dto/origins.dto.js';
import { OriginClaim } from '../schema/entities/origin-claim.entity.js';

/** The path of the file with which a site proves that it belongs to an organization. */
export const PROOF_PATH = '/.well-known/latchkey-origin';
/** How many origins an organization may own and claim together. */
const MAX_ORIGINS = 100;
const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])$/;
/** The time limit of a reading in milliseconds, and the size limit of a site's file in bytes. */
const TIMEOUT_MS = 5_000;
const MAX_BYTES = 4096;

/**
 * The origins of an organization, and the proof that it owns one: our challenge in a file on the site. Being the first
 * to name an origin proves nothing.
 */
@Injectable()
export class OriginClaimsService {
  private readonly allowedNetworks: TrustedProxies;
  private readonly ownOrigins: string[];

  constructor(
    private readonly database: Database,
    private readonly policy: OAuthPolicy,
    private readonly origins: OriginsService,
    private readonly attempts: AttemptsService,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {
    const { PUBLIC_URL, allowedNetworks } = settings;
    this.allowedNetworks = new TrustedProxies(allowedNetworks);
    this.ownOrigins = [PUBLIC_URL, PUBLIC_URL.replace(/^http:/, 'https:')];
  }

  /**
   * Lists the origins that the organization owns or claims, in alphabetical order. @throws DomainError `not_permitted`
   */
  async list(caller: Caller): Promise<OriginsDto> {
    const organizationId = await this.policy.requireMaySee(caller);
    return this.database.transaction(async (db) => {
      const owned = await db.findBy(Origin, { organizationId });
      const claims = (await db.findBy(OriginClaim, { organizationId })).filter(
        (claim) => !owned.some(({ origin }) => origin === claim.origin),
      );
      const all = [...owned.map(describeOwned), ...claims.map(describeClaim)];
      return { origins: all.toSorted((a, b) => (a.origin < b.origin ? -1 : 1)) };
    });
  }

  /**
   * Claims an origin and returns the challenge, which stays the same for a repeated claim. If the organization already
   * owns the origin, the origin is returned.
   *
   * @throws DomainError `invalid_origin`, `not_permitted`, `limit_reached`
   */
  claim(caller: Caller, origin: string): Promise<OriginDto> {
    return this.database.transaction(async (db) => {
      const organizationId = await this.policy.requireMayChange(db, caller);
      this.requireClaimable(origin);
      const owned = await db.findOneBy(Origin, { origin, organizationId });
      if (owned) return describeOwned(owned);
      const before = await db.findOneBy(OriginClaim, { origin, organizationId });
      if (before) return describeClaim(before);
      await requireRoom(db, organizationId);
      const claim = { organizationId, origin, challenge: newSecret(), createdAt: this.clock.now() };
      await insertOrIgnore(db, OriginClaim, claim);
      return describeClaim(claim);
    });
  }

  /**
   * Reads the file on the site. If it contains the challenge, the organization becomes the origin's owner, unless
   * another one owns it.
   *
   * @throws DomainError `not_permitted`, `not_found`, `too_many_requests`, `origin_not_proven`, `origin_in_use`
   */
  async verify(caller: Caller, origin: string): Promise<OriginDto> {
    const organizationId = await this.policy.requireMaySee(caller);
    // The site is asked outside a transaction, because it may take seconds to answer.
    const claim = await this.database.transaction((db) => db.findOneBy(OriginClaim, { organizationId, origin }));
    if (claim) {
      await this.attempts.countOriginCheck(organizationId);
      await this.requireProof(claim);
    }
    return this.database.transaction(async (db) => {
      await this.policy.requireMayChange(db, caller);
      // Only the claim whose challenge was on the site is proven, not one that was made meanwhile.
      const { affected } = claim
        ? await db.delete(OriginClaim, { organizationId, origin, challenge: claim.challenge })
        : {};
      if (affected === 1) await this.origins.add(db, { origin, organizationId, proof: 'FILE', by: caller });
      const owned = await db.findOneBy(Origin, { origin, organizationId });
      if (!owned) throw noSuchOrigin();
      return describeOwned(owned);
    });
  }

  /** Gives up an origin or a claim. @throws DomainError `not_permitted`, `not_found` */
  async remove(caller: Caller, origin: string): Promise<void> {
    await this.database.transaction(async (db) => {
      const organizationId = await this.policy.requireMayChange(db, caller);
      const owned = await db.findOneBy(Origin, { origin, organizationId });
      const { affected } = await db.delete(OriginClaim, { origin, organizationId });
      if (owned) await this.origins.remove(db, owned, caller);
      else if (affected !== 1) throw noSuchOrigin();
    });
  }

  private requireClaimable(origin: string): void {
    if (this.ownOrigins.includes(origin))
      throw invalidOrigin('This is the origin of the service itself. No organization can claim it.');
    if (!isLegalOrigin(origin))
      throw invalidOrigin(
        `${JSON.stringify(origin)} is not an origin as browsers write it, such as https://learn.example.com.`,
      );
    const { protocol, hostname } = new URL(origin);
    if (protocol !== 'https:' && (this.settings.isProduction || !LOOPBACK.test(hostname)))
      throw invalidOrigin('The origin must be https. The operator can add other origins with: origins add.');
  }

  private async requireProof({ origin, challenge }: OriginClaim): Promise<void> {
    const url = origin + PROOF_PATH;
    try {
      const text = await pauseDeadline(this.read(url));
      if (!text.split(/\r?\n/).some((line) => line.trim() === challenge))
        throw new RequestError('It has no line with the challenge.');
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      throw new DomainError('origin_not_proven', `${url} does not prove the claim. ${error.message}`);
    }
  }

  private read(url: string): Promise<string> {
    return guardedRequest(url, [200], {
      headers: { accept: 'text/plain' },
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_BYTES,
      isAllowed: (address) => this.allowedNetworks.includes(address),
    });
  }
}

async function requireRoom(db: EntityManager, organizationId: string): Promise<void> {
  const owned = await db.countBy(Origin, { organizationId });
  if (owned + (await db.countBy(OriginClaim, { organizationId })) >= MAX_ORIGINS)
    throw new DomainError(
      'limit_reached',
      `An organization can have at most ${MAX_ORIGINS} origins. Delete one first.`,
    );
}

function describeOwned({ origin, proof, since }: Origin): OriginDto {
  return { origin, status: 'OWNED', proof, since: toIso(since) };
}

function describeClaim({
  origin,
  challenge,
  createdAt,
}: Pick<OriginClaim, 'origin' | 'challenge' | 'createdAt'>): OriginDto {
  return { origin, status: 'CLAIMED', challenge, url: origin + PROOF_PATH, since: toIso(createdAt) };
}

function invalidOrigin(description: string): DomainError {
  return new DomainError('invalid_origin', description, { members: { field: 'origin' } });
}

function noSuchOrigin(): DomainError {
  return new DomainError('not_found', 'The organization does not own or claim this origin.');
}
