import { hkdfSync } from 'node:crypto';
import type { JsonWebKey } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { seal, unseal } from '../common/seal.js';
import { Settings } from '../config/settings.js';
import { StartError } from '../config/start-error.js';

/** Encrypts the signing keys under SECRET_KEY, so that nobody can sign with a copy of the database. */
@Injectable()
export class KeySeal {
  private readonly sealingKey: Buffer;

  constructor({ SECRET_KEY }: Settings) {
    this.sealingKey = Buffer.from(hkdfSync('sha256', SECRET_KEY, '', 'latchkey: signing keys at rest', 32));
  }

  /** Encrypts a key. Its name is authenticated as well, so that rows can't be swapped. */
  seal(kid: string, jwk: JsonWebKey): string {
    return seal(this.sealingKey, kid, JSON.stringify(jwk));
  }

  /** Decrypts a key. @throws StartError if it was encrypted under another SECRET_KEY or for another name */
  open(kid: string, text: string): JsonWebKey {
    try {
      return JSON.parse(unseal(this.sealingKey, kid, text));
    } catch {
      throw new StartError(
        'The signing keys in the database were encrypted with another SECRET_KEY than the one that is set.',
      );
    }
  }
}
