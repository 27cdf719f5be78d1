import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { JsonWebKey } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { In, IsNull } from 'typeorm';
import type { EntityManager, Repository } from 'typeorm';
import { RevocationService } from '../rights/revocation.service.js';
import { AuditService } from '../audit/audit.service.js';
import type { Caller } from '../common/caller.js';
import { Clock, toIso } from '../common/clock.js';
import { DomainError } from '../common/errors/errors.js';
import { newId } from '../common/id.js';
import { pageById } from '../http/paging.js';
import { Database } from '../database/database.js';
import type { PageQueryDto } from '../http/paging.js';
import type { NewKeyPairDto, ServiceAccountKeyDto, ServiceAccountKeysDto } from './dto/service-account.dto.js';
import type { User } from '../schema/entities/user.entity.js';
import { OAuthPolicy } from '../clients/oauth.policy.js';
import { readPublicKey } from '../tokens/public-keys.js';
import type { PublicKey } from '../tokens/public-keys.js';
import { requireServiceAccount } from './require-service-account.js';
import { ServiceAccountKey } from '../schema/entities/service-account-key.entity.js';

/** How many keys a service account may have at a time. */
export const MAX_KEYS = 10;

/**
 * The public keys of service accounts (docs/api.md, section 9.4). Methods that take `db` check no permission; the
 * caller has checked it.
 */
@Injectable()
export class ServiceAccountKeysService {
  constructor(
    @InjectRepository(ServiceAccountKey) private readonly keys: Repository<ServiceAccountKey>,
    private readonly database: Database,
    private readonly policy: OAuthPolicy,
    private readonly revocation: RevocationService,
    private readonly audit: AuditService,
    private readonly clock: Clock,
  ) {}

  /** Lists a service account's keys, revoked ones too. @throws DomainError `not_permitted`, `not_found` */
  async list(caller: Caller, userId: string, query: PageQueryDto): Promise<ServiceAccountKeysDto> {
    await requireServiceAccount(this.keys.manager, await this.policy.requireMaySee(caller), userId);
    return this.listOf(userId, query);
  }

  async listOf(userId: string, query: PageQueryDto): Promise<ServiceAccountKeysDto> {
    const all = this.keys.createQueryBuilder('k').where('k.userId = :userId', { userId });
    const { ids, pagination } = await pageById(all, 'k.id', query);
    const keys = ids.length > 0 ? await this.keys.find({ where: { id: In(ids) }, order: { id: 'ASC' } }) : [];
    return { keys: keys.map(toKeyDto), pagination };
  }

  /** Adds a key. @throws DomainError `not_permitted`, `not_found`, `invalid_public_key`, `limit_reached` */
  async add(caller: Caller, userId: string, text: string): Promise<ServiceAccountKeyDto> {
    return this.addFor(caller, userId, readPublicKey(text));
  }

  /** Makes a key pair and adds its public key. @throws DomainError `not_permitted`, `not_found`, `limit_reached` */
  async generate(caller: Caller, userId: string): Promise<NewKeyPairDto> {
    const { privateKey, ...publicKey } = newKeyPair();
    return { ...(await this.addFor(caller, userId, publicKey)), privateKey };
  }

  /** Adds a key. @throws DomainError `limit_reached` */
  async insert(
    db: EntityManager,
    { id: userId, organizationId }: User,
    { key, algorithm }: PublicKey,
    by: Caller | null,
  ): Promise<ServiceAccountKeyDto> {
    if ((await db.countBy(ServiceAccountKey, { userId, revokedAt: IsNull() })) >= MAX_KEYS)
      throw new DomainError('limit_reached', `A service account can have at most ${MAX_KEYS} keys. Revoke one first.`);
    const jwk = JSON.stringify(key.export({ format: 'jwk' }));
    const row = { id: newId(), userId, algorithm, jwk, createdAt: this.clock.now(), revokedAt: null };
    await db.insert(ServiceAccountKey, row);
    const details = { key: row.id };
    await this.audit.record(db, { event: 'SERVICE_ACCOUNT_KEY_ADDED', organizationId, userId, by, details });
    return toKeyDto(row);
  }

  /** Revokes a key. @throws DomainError `not_permitted`, `not_found` */
  async remove(caller: Caller, userId: string, id: string): Promise<void> {
    await this.database.transaction(async (db) => {
      await requireServiceAccount(db, await this.policy.requireMayChange(db, caller), userId);
      if (!(await db.existsBy(ServiceAccountKey, { id, userId }))) throw unknownKey();
      await this.revoke(db, id, caller);
    });
  }

  /**
   * Revokes a key: it verifies nothing any more, the login tokens that were obtained with it are revoked together with
   * their sessions, and its access tokens are refused within two seconds. A key that was revoked before stays
   * unchanged.
   *
   * @throws DomainError `not_found`
   */
  async revoke(db: EntityManager, id: string, by: Caller | null): Promise<void> {
    const key = await db.findOne(ServiceAccountKey, { where: { id }, relations: { user: true } });
    if (!key) throw unknownKey();
    if (key.revokedAt) return;
    await db.update(ServiceAccountKey, { id, revokedAt: IsNull() }, { revokedAt: this.clock.now() });
    await this.revocation.revokeTokensOfKey(db, id, by);
    const { id: userId, organizationId } = key.user;
    const details = { key: id };
    await this.audit.record(db, { event: 'SERVICE_ACCOUNT_KEY_REVOKED', organizationId, userId, by, details });
  }

  private addFor(caller: Caller, userId: string, key: PublicKey): Promise<ServiceAccountKeyDto> {
    return this.database.transaction(async (db) => {
      const account = await requireServiceAccount(db, await this.policy.requireMayChange(db, caller), userId);
      await this.policy.requireMayHoldKeyOf(db, caller, account);
      return this.insert(db, account, key, caller);
    });
  }
}

/** Makes an ES256 key pair. The private key is in PEM format. */
export function newKeyPair(): PublicKey & { privateKey: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    key: publicKey,
    algorithm: 'ES256',
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function unknownKey(): DomainError {
  return new DomainError('not_found', 'There is no key with this kid.');
}

type Shown = Pick<ServiceAccountKey, 'id' | 'algorithm' | 'jwk' | 'createdAt' | 'revokedAt'>;

function toKeyDto({ id, algorithm, jwk, createdAt, revokedAt }: Shown): ServiceAccountKeyDto {
  const key = createPublicKey({ key: JSON.parse(jwk) as JsonWebKey, format: 'jwk' });
  return {
    kid: id,
    algorithm,
    publicKey: key.export({ type: 'spki', format: 'pem' }).toString(),
    created: toIso(createdAt),
    revoked: revokedAt ? toIso(revokedAt) : undefined,
  };
}
