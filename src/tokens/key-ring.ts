import { setTimeout } from 'node:timers/promises';
import { createPrivateKey, createPublicKey, createSecretKey } from 'node:crypto';
import type { JsonWebKey, KeyObject } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { OnModuleInit } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { untilDeadline, withoutDeadline } from '../common/deadline.js';
import { Database, toInstant } from '../database/database.js';
import type { Statement } from '../database/statement.js';
import { KeySeal } from './key-seal.js';
import type { KeyPurpose, SigningKey } from '../schema/entities/signing-key.entity.js';
import { KEY_PURPOSES, SigningKeysService } from './signing-keys.service.js';
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

/**
 * Milliseconds for which the keys are used without reading them again. Each instance learns of another's changes within
 * two seconds.
 */
const MAX_AGE_MS = 1_500;
/** The shortest pause between two readings in milliseconds, however many tokens name unknown keys. */
const MIN_PAUSE_MS = 100;

/** The purposes whose public keys everybody may read. Those of ID tokens come first. */
const PUBLISHED = ['ID_RS256', 'ID_ES256', 'ID_EDDSA', 'ACCESS'] as const satisfies KeyPurpose[];

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
 * The signing keys in the database. They are read again when somebody signs or verifies and the last reading is more
 * than 1.5 seconds old, and when a token names an unknown key.
 */
@Injectable()
export class KeyRing implements OnModuleInit {
  /** The keys by name, in descending order of when they start to sign. */
  private keys = new Map<string, Key>();
  private loadedAt = -Infinity;
  private loading: Promise<void> | null = null;
  private next: Promise<void> | null = null;
  private startedAt = -Infinity;
  /** The number of readings that were started, and the last one whose result was used. */
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

  /**
   * Makes sure that changes by other instances are known that are more than 1.5 seconds old. Call it before signing or
   * publishing.
   */
  async refresh(): Promise<void> {
    if (!this.isUpToDate) await untilDeadline(this.loading ?? this.load());
  }

  /** Whether `refresh` would do nothing. */
  get isUpToDate(): boolean {
    const age = this.clock.now().getTime() - this.loadedAt;
    // After the clock was set back, a reading from the future does not count as recent.
    return age >= 0 && age <= MAX_AGE_MS;
  }

  /** Whether there is a key for each purpose. */
  get canSign(): boolean {
    const now = this.clock.now();
    return KEY_PURPOSES.every((purpose) => findSigning(this.of(purpose), now));
  }

  signing(purpose: KeyPurpose): Key {
    const key = findSigning(this.of(purpose), this.clock.now());
    if (!key) throw new Error(`There is no ${purpose} signing key.`);
    return key;
  }

  /**
   * The keys of the authorization server as private JWKs. The engine signs ID tokens with the first key of their
   * algorithm, so these come before the keys of access tokens, and of each purpose the signing key comes first.
   */
  privateJwks(): JsonWebKey[] {
    return this.published().map(({ kid, algorithm, signing }) =>
      Object.assign(signing.export({ format: 'jwk' }), { kid, alg: algorithm, use: 'sig' }),
    );
  }

  /** Changes whenever `privateJwks` does. */
  get version(): string {
    return this.published()
      .map(({ kid }) => kid)
      .join();
  }

  has(kid: string): boolean {
    const key = this.keys.get(kid);
    return key !== undefined && isLive(key, this.clock.now());
  }

  /** The key with this name and purpose, even if another instance made it a moment ago. */
  async find(purpose: KeyPurpose, kid: string): Promise<Key | null> {
    await this.refresh();
    if (!this.has(kid)) await untilDeadline(this.reread());
    return this.live(purpose).find((key) => key.kid === kid) ?? null;
  }

  private published(): Key[] {
    return PUBLISHED.flatMap((purpose) => {
      const first = this.signing(purpose);
      return this.live(purpose).toSorted((a, b) => Number(b.kid === first.kid) - Number(a.kid === first.kid));
    });
  }

  private live(purpose: KeyPurpose): Key[] {
    const now = this.clock.now();
    return this.of(purpose).filter((key) => isLive(key, now));
  }

  private of(purpose: KeyPurpose): Key[] {
    return [...this.keys.values()].filter((key) => key.purpose === purpose);
  }

  /**
   * Reads the keys. A reading that is under way may have begun too early, so another one follows. Concurrent calls
   * share a reading, and there are at most ten a second, so that made-up key names cost no more than that.
   */
  private reread(): Promise<void> {
    return (this.next ??= setTimeout(Math.max(0, this.startedAt + MIN_PAUSE_MS - performance.now())).then(() => {
      this.next = null;
      return this.load();
    }));
  }

  private load(): Promise<void> {
    this.startedAt = performance.now();
    const loading = withoutDeadline(() => this.read()).finally(() => {
      if (this.loading === loading) this.loading = null;
    });
    return (this.loading = loading);
  }

  private async read(): Promise<void> {
    const [now, reading] = [this.clock.now(), ++this.readings];
    const rows = await this.database.read<Row>(LOAD, [now]);
    // A reading that began later has returned earlier.
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

/** Imports keys as `KeyObject`s: jsonwebtoken tries to parse any other type as PEM at every call. */
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
