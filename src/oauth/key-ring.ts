import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  generateKeyPairSync,
  hkdfSync,
  randomBytes,
} from 'node:crypto';
import type { JsonWebKey, KeyObject } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { OnModuleInit } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { IsNull } from 'typeorm';
import type { Repository } from 'typeorm';
import { Clock } from '../common/clock.js';
import { newId, newSecret } from '../common/id.js';
import { Settings } from '../config/settings.js';
import { StartError } from '../config/start-error.js';
import { Database } from '../database/database.js';
import { SigningKey } from './signing-key.entity.js';
import type { KeyPurpose } from './signing-key.entity.js';

export interface Key {
  kid: string;
  purpose: KeyPurpose;
  algorithm: SigningKey['algorithm'];
  signing: KeyObject;
  verifying: KeyObject;
}

const ALGORITHMS: Record<KeyPurpose, SigningKey['algorithm']> = { LOGIN: 'HS256', ACCESS: 'ES256' };

/** A token with an unknown key makes the ring look into the database so often at most. */
const REFRESH_INTERVAL_MS = 2_000;

/**
 * The signing keys. They are made at the first start, live in the database, encrypted, and are read
 * once: a token is signed and verified without asking the database.
 */
@Injectable()
export class KeyRing implements OnModuleInit {
  private keys: Key[] = [];
  /** Changes with the set of keys. */
  version = 0;
  private refreshedAt = 0;
  private readonly sealingKey: Buffer;

  constructor(
    @InjectRepository(SigningKey) private readonly repository: Repository<SigningKey>,
    private readonly database: Database,
    private readonly clock: Clock,
    settings: Settings,
  ) {
    this.sealingKey = Buffer.from(hkdfSync('sha256', settings.SECRET_KEY, '', 'latchkey: signing keys at rest', 32));
  }

  async onModuleInit(): Promise<void> {
    await this.load();
    for (const purpose of ['LOGIN', 'ACCESS'] as const) {
      if (!this.keys.some((key) => key.purpose === purpose)) await this.create(purpose);
    }
  }

  /** The key that signs: the newest one, so that all instances agree. */
  signing(purpose: KeyPurpose): Key {
    const key = this.keys.find((candidate) => candidate.purpose === purpose);
    if (!key) throw new Error(`There is no ${purpose} signing key.`);
    return key;
  }

  /** The keys of access tokens as private JWKs, the one that signs first, for the authorization server. */
  privateAccessJwks(): JsonWebKey[] {
    return this.keys
      .filter(({ purpose }) => purpose === 'ACCESS')
      .map(({ kid, algorithm, signing }) =>
        Object.assign(signing.export({ format: 'jwk' }), { kid, alg: algorithm, use: 'sig' }),
      );
  }

  has(kid: string): boolean {
    return this.keys.some((key) => key.kid === kid);
  }

  /** The key of that name and purpose, also when another instance made it a moment ago. */
  async find(purpose: KeyPurpose, kid: string): Promise<Key | null> {
    if (!this.has(kid) && this.clock.now().getTime() - this.refreshedAt > REFRESH_INTERVAL_MS) await this.load();
    return this.keys.find((key) => key.purpose === purpose && key.kid === kid) ?? null;
  }

  private async create(purpose: KeyPurpose): Promise<void> {
    const algorithm = ALGORITHMS[purpose];
    const kid = newId();
    const sealedJwk = this.seal(kid, newJwk(algorithm));
    await this.database.transaction(async (db) => {
      // Of several instances that start on an empty database, one makes the key and the others find it. On SQLite,
      // transactions come one after the other anyhow.
      if (db.dataSource.options.type === 'postgres')
        await db.query('LOCK TABLE "signing_keys" IN SHARE ROW EXCLUSIVE MODE');
      if (await db.existsBy(SigningKey, { purpose, retiredAt: IsNull() })) return;
      await db.insert(SigningKey, { kid, purpose, algorithm, sealedJwk, createdAt: this.clock.now(), retiredAt: null });
    });
    await this.load();
  }

  private async load(): Promise<void> {
    this.refreshedAt = this.clock.now().getTime();
    const rows = await this.repository.find({
      where: { retiredAt: IsNull() },
      order: { createdAt: 'DESC', kid: 'DESC' },
    });
    const before = this.keys.map(({ kid }) => kid).join();
    this.keys = rows.map((row) => toKey(row, this.unseal(row.kid, row.sealedJwk)));
    if (this.keys.map(({ kid }) => kid).join() !== before) this.version += 1;
  }

  /** AES-256-GCM; the key's name is authenticated with it, so that rows can't be exchanged for one another. */
  private seal(kid: string, jwk: JsonWebKey): string {
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.sealingKey, iv).setAAD(Buffer.from(kid));
    const sealed = Buffer.concat([cipher.update(JSON.stringify(jwk)), cipher.final()]);
    return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url');
  }

  private unseal(kid: string, text: string): JsonWebKey {
    const bytes = Buffer.from(text, 'base64url');
    const decipher = createDecipheriv('aes-256-gcm', this.sealingKey, bytes.subarray(0, 12), { authTagLength: 16 })
      .setAAD(Buffer.from(kid))
      .setAuthTag(bytes.subarray(12, 28));
    try {
      return JSON.parse(Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString());
    } catch {
      throw new StartError(
        'The signing keys in the database were stored under another SECRET_KEY than the one that is set.',
      );
    }
  }
}

function newJwk(algorithm: SigningKey['algorithm']): JsonWebKey {
  if (algorithm === 'HS256') return { kty: 'oct', k: newSecret() };
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
}

/** Keys are `KeyObject`s: jsonwebtoken tries to read any other kind as PEM at every call. */
function toKey({ kid, purpose, algorithm }: SigningKey, jwk: JsonWebKey): Key {
  if (jwk.kty === 'oct') {
    const secret = createSecretKey(jwk.k!, 'base64url');
    return { kid, purpose, algorithm, signing: secret, verifying: secret };
  }
  return {
    kid,
    purpose,
    algorithm,
    signing: createPrivateKey({ key: jwk, format: 'jwk' }),
    verifying: createPublicKey({ key: jwk, format: 'jwk' }),
  };
}
