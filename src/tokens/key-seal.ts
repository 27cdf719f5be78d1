import { hkdfSync } from 'node:crypto';
import type { JsonWebKey } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { seal, unseal } from '../common/seal.js';
import { Settings } from '../config/settings.js';
import { StartError } from '../config/start-error.js';

/** Encrypts signing keys under SECRET_KEY: a copy of the database signs nothing. */
@Injectable()
export class KeySeal {
  private readonly sealingKey: Buffer;

  constructor({ SECRET_KEY }: Settings) {
    this.sealingKey = Buffer.from(hkdfSync('sha256', SECRET_KEY, '', 'latchkey: signing keys at rest', 32));
  }

  /** The key's name is authenticated with it, so that rows can't be exchanged for one another. */
  seal(kid: string, jwk: JsonWebKey): string {
    return seal(this.sealingKey, kid, JSON.stringify(jwk));
  }

  /** @throws StartError for a key that was sealed under another SECRET_KEY, or for another name */
  open(kid: string, text: string): JsonWebKey {
    try {
      return JSON.parse(unseal(this.sealingKey, kid, text));
    } catch {
      throw new StartError(
        'The signing keys in the database were stored under another SECRET_KEY than the one that is set.',
      );
    }
  }
}
