import { generateKeyPairSync } from 'node:crypto';
import type { JsonWebKey } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { IsNull, LessThan, MoreThan } from 'typeorm';
import type { EntityManager, Repository } from 'typeorm';
import type { AuditEventName } from '../schema/entities/audit-events.js';
import { AuditService } from '../audit/audit.service.js';
import { addSeconds, Clock, SECONDS_PER_DAY } from '../common/clock.js';
import { newId, newSecret } from '../common/id.js';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import type { Statement } from '../database/statement.js';
import { KeySeal } from './key-seal.js';
import { SigningKey } from '../schema/entities/signing-key.entity.js';
import type { KeyPurpose } from '../schema/entities/signing-key.entity.js';

const ALGORITHMS = {
  LOGIN: 'HS256',
  ACCESS: 'ES256',
  ID_RS256: 'RS256',
  ID_ES256: 'ES256',
  ID_EDDSA: 'EdDSA',
} as const satisfies Record<KeyPurpose, SigningKey['algorithm']>;

export const KEY_PURPOSES = Object.keys(ALGORITHMS) as KeyPurpose[];

/**
 * The longest lifetime of a token in seconds, unless `keepFor` was called for it. It is also the maximum of
 * LOGIN_TOKEN_TTL.
 */
export const USUAL_LIFETIME = 3600;

/** Seconds for which a key is published before it signs: longer than any cache may keep the old key set. */
export const PUBLISHED_AHEAD = 15 * 60;

/**
 * Seconds for which a key still verifies after its last token has expired: the leeway of tokens, and as much again for
 * different clocks.
 */
const LEEWAY = 120;

/** Seconds for which retired keys stay in the list, to show their history. */
const KEEP_RETIRED_SECONDS = 30 * SECONDS_PER_DAY;

const KEEP: Statement = {
  name: 'keep_signing_key',
  sql: `UPDATE "signing_keys" SET
          "needed_until" = CASE WHEN "needed_until" > $2 THEN "needed_until" ELSE $2 END,
          "retired_at" = CASE WHEN "retired_at" < $3 THEN $3 ELSE "retired_at" END
        WHERE "kid" = $1 AND ("retired_at" IS NULL OR "retired_at" > $4)
        RETURNING "kid"`,
};

/**
 * Makes, replaces and retires signing keys. Every change is a transaction of its own, and no two run at the same time.
 */
@Injectable()
export class SigningKeysService {
  constructor(
    @InjectRepository(SigningKey) private readonly keys: Repository<SigningKey>,
    private readonly database: Database,
    private readonly seal: KeySeal,
    private readonly audit: AuditService,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /** Makes the first keys. If several instances start on an empty database, one makes them and the others find them. */
  async makeMissing(): Promise<void> {
    for (const purpose of KEY_PURPOSES) {
      if (await hasUnretiredKey(this.keys.manager, purpose)) continue;
      await this.withKeysLocked(async (db) => {
        if (!(await hasUnretiredKey(db, purpose))) await this.insert(db, purpose, this.clock.now());
      });
    }
  }

  /**
   * Makes a key that is published now and signs in 15 minutes. The current key signs until then, and verifies until its
   * last token has expired. While a new key is waiting, further calls return its name and make no other.
   */
  rotate(purpose: KeyPurpose): Promise<string> {
    return this.withKeysLocked(async (db) => {
      const now = this.clock.now();
      const waiting = await db.findOneBy(SigningKey, { purpose, retiredAt: IsNull(), signsFrom: MoreThan(now) });
      return waiting ? waiting.kid : this.addSuccessor(db, purpose, now);
    });
  }

  /**
   * Replaces keys that somebody else may have. The new key signs from now on. The old keys stop verifying, here at once
   * and on every other instance within two seconds. Concurrent calls return the same new key.
   */
  replace(purpose: KeyPurpose): Promise<string> {
    const startedAt = this.clock.now();
    return this.withKeysLocked(async (db) => {
      const now = this.clock.now();
      const young = await db.find(SigningKey, { where: { purpose, retiredAt: IsNull() } });
      const successor = young.find(({ createdAt, signsFrom }) => createdAt >= startedAt && signsFrom <= now);
      for (const { kid } of await findLive(db, purpose, now))
        if (kid !== successor?.kid) await this.retire(db, kid, now);
      return successor?.kid ?? this.insert(db, purpose, now);
    });
  }

  /** Replaces all keys, as `replace` does, in the transaction of `db`. */
  async replaceAll(db: EntityManager): Promise<void> {
    await lockKeys(db);
    const now = this.clock.now();
    for (const purpose of KEY_PURPOSES) {
      for (const { kid } of await findLive(db, purpose, now)) await this.retire(db, kid, now);
      await this.insert(db, purpose, now);
    }
  }

  /**
   * Revokes a single key, with the same effect as `replace`. A new key is made only if none is left that signs. @throws
   * Error if the key is unknown
   */
  async revoke(kid: string): Promise<void> {
    await this.withKeysLocked(async (db) => {
      const now = this.clock.now();
      const key = await db.findOneBy(SigningKey, { kid });
      if (!key) throw new Error(`There is no signing key ${kid}.`);
      if (key.retiredAt && key.retiredAt <= now) return;
      await this.retire(db, kid, now);
      const { purpose } = key;
      const left = await db.find(SigningKey, { where: { purpose, retiredAt: IsNull() } });
      if (!left.some(({ signsFrom }) => signsFrom <= now)) await this.insert(db, purpose, now);
    });
  }

  /** Rotates keys older than KEY_ROTATION_DAYS. Of any number of instances, one does. */
  async rotateDue(): Promise<void> {
    const { KEY_ROTATION_DAYS } = this.settings;
    if (KEY_ROTATION_DAYS === 0) return;
    for (const purpose of KEY_PURPOSES) {
      const due = addSeconds(this.clock.now(), -KEY_ROTATION_DAYS * SECONDS_PER_DAY);
      if (await hasUnretiredKey(this.keys.manager, purpose, due)) continue;
      await this.withKeysLocked(async (db) => {
        if (!(await hasUnretiredKey(db, purpose, due))) await this.addSuccessor(db, purpose, this.clock.now());
      });
    }
  }

  /**
   * Lets a key verify until `instant` at least, even if it is replaced meanwhile. @throws Error if the key was revoked
   */
  async keepFor(kid: string, instant: Date): Promise<void> {
    const kept = await this.database.write(KEEP, [kid, instant, addSeconds(instant, LEEWAY), this.clock.now()]);
    if (kept.length === 0) throw new Error('The signing key was taken away a moment ago. Try again.');
  }

  /** Lists the keys, newest first, with those that were retired in the last 30 days. */
  list(): Promise<SigningKey[]> {
    return this.keys.find({ order: { purpose: 'ASC', signsFrom: 'DESC', kid: 'DESC' } });
  }

  async prune(): Promise<void> {
    const before = addSeconds(this.clock.now(), -KEEP_RETIRED_SECONDS);
    await this.database.transaction((db) => db.delete(SigningKey, { retiredAt: LessThan(before) }));
  }

  private async addSuccessor(db: EntityManager, purpose: KeyPurpose, now: Date): Promise<string> {
    const signsFrom = addSeconds(now, PUBLISHED_AHEAD);
    for (const { kid, neededUntil } of await db.findBy(SigningKey, { purpose, retiredAt: IsNull() })) {
      const usually = addSeconds(signsFrom, USUAL_LIFETIME);
      const last = neededUntil && neededUntil > usually ? neededUntil : usually;
      await db.update(SigningKey, { kid }, { retiredAt: addSeconds(last, LEEWAY) });
    }
    return this.insert(db, purpose, signsFrom);
  }

  /** Retires a key at once: nothing that it has signed is valid any more. */
  private async retire(db: EntityManager, kid: string, now: Date): Promise<void> {
    await db.update(SigningKey, { kid }, { retiredAt: now });
    await this.record(db, 'SIGNING_KEY_REVOKED', kid);
  }

  /** Records a change. Keys belong to no organization, and it is the operator or the schedule that changes them. */
  private async record(db: EntityManager, event: AuditEventName, key: string): Promise<void> {
    await this.audit.record(db, { event, organizationId: null, by: null, details: { key } });
  }

  private async insert(db: EntityManager, purpose: KeyPurpose, signsFrom: Date): Promise<string> {
    const [kid, algorithm] = [newId(), ALGORITHMS[purpose]];
    const sealedJwk = this.seal.seal(kid, newJwk(algorithm));
    const createdAt = this.clock.now();
    await db.insert(SigningKey, { kid, purpose, algorithm, sealedJwk, createdAt, signsFrom });
    await this.record(db, 'SIGNING_KEY_ADDED', kid);
    return kid;
  }

  /** Runs a transaction that excludes all other changes of the keys. */
  private withKeysLocked<T>(work: (db: EntityManager) => Promise<T>): Promise<T> {
    return this.database.transaction(async (db) => {
      await lockKeys(db);
      return work(db);
    });
  }
}

/** Excludes all other changes of the keys until the transaction ends. On SQLite, none runs at the same time anyway. */
async function lockKeys(db: EntityManager): Promise<void> {
  if (db.dataSource.options.type === 'postgres')
    await db.query('LOCK TABLE "signing_keys" IN SHARE ROW EXCLUSIVE MODE');
}

/** Whether a key exists that is not being replaced; with `since`, whether one exists that was made after that. */
function hasUnretiredKey(db: EntityManager, purpose: KeyPurpose, since?: Date): Promise<boolean> {
  return db.existsBy(SigningKey, { purpose, retiredAt: IsNull(), ...(since ? { createdAt: MoreThan(since) } : {}) });
}

function findLive(db: EntityManager, purpose: KeyPurpose, now: Date): Promise<SigningKey[]> {
  return db.findBy(SigningKey, [
    { purpose, retiredAt: IsNull() },
    { purpose, retiredAt: MoreThan(now) },
  ]);
}

function newJwk(algorithm: SigningKey['algorithm']): JsonWebKey {
  switch (algorithm) {
    case 'HS256':
      return { kty: 'oct', k: newSecret() };
    case 'ES256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
    case 'RS256':
      return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
    case 'EdDSA':
      return generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  }
}
