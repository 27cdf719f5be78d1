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

export const KEY_PURPOSES = ['LOGIN', 'ACCESS'] as const satisfies KeyPurpose[];

/** Seconds for which a token is good at most, unless `keepFor` was told of it; the largest LOGIN_TOKEN_TTL too. */
export const USUAL_LIFETIME = 3600;

/** Seconds before it signs for which a key is published: longer than anybody may keep the old key set. */
export const PUBLISHED_AHEAD = 15 * 60;

/**
 * Seconds past the end of its last token for which a key still verifies: the leeway of the tokens, and that clocks of
 * two instances may differ by as much.
 */
const LEEWAY = 120;

/** Retired keys stay in the list for so long, so that it can be seen what was when. */
const KEEP_RETIRED_SECONDS = 30 * SECONDS_PER_DAY;

const ALGORITHMS: Record<KeyPurpose, SigningKey['algorithm']> = { LOGIN: 'HS256', ACCESS: 'ES256' };

const KEEP: Statement = {
  name: 'keep_signing_key',
  sql: `UPDATE "signing_keys" SET
          "needed_until" = CASE WHEN "needed_until" > $2 THEN "needed_until" ELSE $2 END,
          "retired_at" = CASE WHEN "retired_at" < $3 THEN $3 ELSE "retired_at" END
        WHERE "kid" = $1 AND ("retired_at" IS NULL OR "retired_at" > $4)
        RETURNING "kid"`,
};

/** Makes, replaces and takes away signing keys. Every change is one transaction, and they come one after the other. */
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

  /** Of several instances that start on an empty database, one makes the keys and the others find them. */
  async makeMissing(): Promise<void> {
    for (const purpose of KEY_PURPOSES) {
      if (await existsLasting(this.keys.manager, purpose)) continue;
      await this.withKeysLocked(async (db) => {
        if (!(await existsLasting(db, purpose))) await this.insert(db, purpose, this.clock.now());
      });
    }
  }

  /**
   * Makes a key that is published now and signs in a quarter of an hour. The one that signs until then verifies until
   * its last token has expired. While such a key is waiting, another call makes none, and answers that one's name.
   */
  rotate(purpose: KeyPurpose): Promise<string> {
    return this.withKeysLocked(async (db) => {
      const now = this.clock.now();
      const waiting = await db.findOneBy(SigningKey, { purpose, retiredAt: IsNull(), signsFrom: MoreThan(now) });
      return waiting ? waiting.kid : this.addSuccessor(db, purpose, now);
    });
  }

  /**
   * For keys that somebody else may have: the new one signs from now on, and those from before verify nothing any
   * more, here at once and on every instance within two seconds. Of two calls at once, both answer the same new key.
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

  /** As `replace` for a single key; another one is made only if none is left that signs. @throws Error for an unknown key */
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

  /** Rotates what is older than KEY_ROTATION_DAYS: of any number of instances, one does. */
  async rotateDue(): Promise<void> {
    const { KEY_ROTATION_DAYS } = this.settings;
    if (KEY_ROTATION_DAYS === 0) return;
    for (const purpose of KEY_PURPOSES) {
      const due = addSeconds(this.clock.now(), -KEY_ROTATION_DAYS * SECONDS_PER_DAY);
      if (await existsLasting(this.keys.manager, purpose, due)) continue;
      await this.withKeysLocked(async (db) => {
        if (!(await existsLasting(db, purpose, due))) await this.addSuccessor(db, purpose, this.clock.now());
      });
    }
  }

  /** The key verifies at least until `instant`, also when it is replaced meanwhile. @throws Error for one that was revoked */
  async keepFor(kid: string, instant: Date): Promise<void> {
    const kept = await this.database.write(KEEP, [kid, instant, addSeconds(instant, LEEWAY), this.clock.now()]);
    if (kept.length === 0) throw new Error('The signing key was taken away a moment ago. Try again.');
  }

  /** All there are, and those that were retired in the last thirty days, the newest first. */
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

  /** At once: what it has signed is worth nothing any more. */
  private async retire(db: EntityManager, kid: string, now: Date): Promise<void> {
    await db.update(SigningKey, { kid }, { retiredAt: now });
    await this.record(db, 'SIGNING_KEY_REVOKED', kid);
  }

  /** The keys are of no organization, and whoever changes them is the operator or the schedule. */
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

  /** In a transaction that no other change of the keys runs beside. On SQLite, none ever does. */
  private withKeysLocked<T>(work: (db: EntityManager) => Promise<T>): Promise<T> {
    return this.database.transaction(async (db) => {
      if (db.dataSource.options.type === 'postgres')
        await db.query('LOCK TABLE "signing_keys" IN SHARE ROW EXCLUSIVE MODE');
      return work(db);
    });
  }
}

/** Whether there is a key that nothing has replaced yet, or only such a one that was made since an instant. */
function existsLasting(db: EntityManager, purpose: KeyPurpose, since?: Date): Promise<boolean> {
  return db.existsBy(SigningKey, { purpose, retiredAt: IsNull(), ...(since ? { createdAt: MoreThan(since) } : {}) });
}

function findLive(db: EntityManager, purpose: KeyPurpose, now: Date): Promise<SigningKey[]> {
  return db.findBy(SigningKey, [
    { purpose, retiredAt: IsNull() },
    { purpose, retiredAt: MoreThan(now) },
  ]);
}

function newJwk(algorithm: SigningKey['algorithm']): JsonWebKey {
  if (algorithm === 'HS256') return { kty: 'oct', k: newSecret() };
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
}
