import { setTimeout } from 'node:timers/promises';
import { createPrivateKey, createPublicKey, createSecretKey } from 'node:crypto';
import type { JsonWebKey, KeyObject } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { OnModuleInit } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { Database, toInstant } from '../database/database.js';
import type { Statement } from '../database/statement.js';
import { KeySeal } from './key-seal.js';
import type { KeyPurpose, SigningKey } from '../schema/entities/signing-key.entity.js';
import { SigningKeysService } from './signing-keys.service.js';
import { findSigning, isLive } from './signing-order.js';

export interface Key {
  kid: string;
  purpose: KeyPurpose;
  algorithm: SigningKey['algorithm'];
  signing: KeyObject;
  verifying: KeyObject;
  signsFrom: Date;
  retiredAt: Date | null;
}

/** Milliseconds for which the keys are believed: what another instance does with them is known here within two seconds. */
const MAX_AGE_MS = 1_500;
/** Milliseconds between two readings at least, however many tokens name a key that is not known. */
const MIN_PAUSE_MS = 100;

const LOAD: Statement = {
  name: 'load_signing_keys',
  sql: `SELECT s."kid", s."purpose", s."algorithm", s."sealed_jwk" AS "sealedJwk", s."signs_from" AS "signsFrom", s."retired_at" AS "retiredAt"
        FROM "signing_keys" s
        WHERE s."retired_at" IS NULL OR s."retired_at" > $1
        ORDER BY s."signs_from" DESC, s."kid" DESC`,
};

type Row = Pick<SigningKey, 'kid' | 'purpose' | 'algorithm' | 'sealedJwk'> & {
  signsFrom: Date | string;
  retiredAt: Date | string | null;
};

/**
 * The signing keys, as they are in the database: read again when somebody signs or verifies with them and the last
 * reading is older than one and a half seconds, and when a token names one that is not known.
 */
@Injectable()
export class KeyRing implements OnModuleInit {
  /** By name, those that sign last first. */
  private keys = new Map<string, Key>();
  private loadedAt = -Infinity;
  private loading: Promise<void> | null = null;
  private next: Promise<void> | null = null;
  private startedAt = -Infinity;
  /** Readings that were begun, and the last one that counted. */
  private readings = 0;
  private latest = 0;

  constructor(
    private readonly database: Database,
    private readonly seal: KeySeal,
    private readonly signingKeys: SigningKeysService,
    private readonly clock: Clock,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.load();
    await this.signingKeys.makeMissing();
    await this.load();
  }

  /** Has what other instances did until one and a half seconds ago be known. Before anything is signed or published. */
  async refresh(): Promise<void> {
    if (!this.isUpToDate) await (this.loading ?? this.load());
  }

  /** Whether `refresh` has nothing to do. */
  get isUpToDate(): boolean {
    const age = this.clock.now().getTime() - this.loadedAt;
    // A clock that was set back makes no reading younger.
    return age >= 0 && age <= MAX_AGE_MS;
  }

  signing(purpose: KeyPurpose): Key {
    const key = findSigning(this.of(purpose), this.clock.now());
    if (!key) throw new Error(`There is no ${purpose} signing key.`);
    return key;
  }

  /** The keys of access tokens as private JWKs, the one that signs first, for the authorization server. */
  privateAccessJwks(): JsonWebKey[] {
    const first = this.signing('ACCESS');
    const others = this.live('ACCESS').filter(({ kid }) => kid !== first.kid);
    return [first, ...others].map(({ kid, algorithm, signing }) =>
      Object.assign(signing.export({ format: 'jwk' }), { kid, alg: algorithm, use: 'sig' }),
    );
  }

  /** Changes with `privateAccessJwks`. */
  get version(): string {
    return [this.signing('ACCESS'), ...this.live('ACCESS')].map(({ kid }) => kid).join();
  }

  has(kid: string): boolean {
    const key = this.keys.get(kid);
    return key !== undefined && isLive(key, this.clock.now());
  }

  /** The key of that name and purpose, also when another instance made it a moment ago. */
  async find(purpose: KeyPurpose, kid: string): Promise<Key | null> {
    await this.refresh();
    if (!this.has(kid)) await this.reread();
    return this.live(purpose).find((key) => key.kid === kid) ?? null;
  }

  private live(purpose: KeyPurpose): Key[] {
    const now = this.clock.now();
    return this.of(purpose).filter((key) => isLive(key, now));
  }

  private of(purpose: KeyPurpose): Key[] {
    return [...this.keys.values()].filter((key) => key.purpose === purpose);
  }

  /**
   * Reads what is in the database now or later: a reading that is under way may be too old. Calls at once share one,
   * and there are ten in a second at most, so that made-up names of keys cost no more than that.
   */
  private reread(): Promise<void> {
    return (this.next ??= setTimeout(Math.max(0, this.startedAt + MIN_PAUSE_MS - performance.now())).then(() => {
      this.next = null;
      return this.load();
    }));
  }

  private load(): Promise<void> {
    this.startedAt = performance.now();
    const loading = this.read().finally(() => {
      if (this.loading === loading) this.loading = null;
    });
    return (this.loading = loading);
  }

  private async read(): Promise<void> {
    const [now, reading] = [this.clock.now(), ++this.readings];
    const rows = await this.database.read<Row>(LOAD, [now]);
    // One that was begun later has come back earlier.
    if (reading < this.latest) return;
    this.latest = reading;
    this.keys = new Map(rows.map((row) => [row.kid, this.toKey(row)]));
    this.loadedAt = now.getTime();
  }

  private toKey(row: Row): Key {
    const known = this.keys.get(row.kid) ?? importKey(row, this.seal.open(row.kid, row.sealedJwk));
    return { ...known, signsFrom: toInstant(row.signsFrom), retiredAt: toInstantOrNull(row.retiredAt) };
  }
}

function toInstantOrNull(value: Date | string | null): Date | null {
  return value === null ? null : toInstant(value);
}

/** Keys are `KeyObject`s: jsonwebtoken tries to read any other kind as PEM at every call. */
function importKey({ kid, purpose, algorithm }: Row, jwk: JsonWebKey): Omit<Key, 'signsFrom' | 'retiredAt'> {
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
