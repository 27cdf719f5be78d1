import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { JsonWebKey } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { StartError } from '../config/start-error.js';

/** Encrypts signing keys under SECRET_KEY: a copy of the database signs nothing. */
@Injectable()
export class KeySeal {
  private readonly sealingKey: Buffer;

  constructor({ SECRET_KEY }: Settings) {
    this.sealingKey = Buffer.from(hkdfSync('sha256', SECRET_KEY, '', 'latchkey: signing keys at rest', 32));
  }

  /** AES-256-GCM; the key's name is authenticated with it, so that rows can't be exchanged for one another. */
  seal(kid: string, jwk: JsonWebKey): string {
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.sealingKey, iv).setAAD(Buffer.from(kid));
    const sealed = Buffer.concat([cipher.update(JSON.stringify(jwk)), cipher.final()]);
    return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url');
  }

  /** @throws StartError for a key that was sealed under another SECRET_KEY, or for another name */
  open(kid: string, text: string): JsonWebKey {
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
