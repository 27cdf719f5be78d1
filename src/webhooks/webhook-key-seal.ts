import { hkdfSync } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { seal, unseal } from '../common/seal.js';
import { Settings } from '../config/settings.js';

/** Encrypts the keys of webhooks under SECRET_KEY, so that nobody can sign with a copy of the database. */
@Injectable()
export class WebhookKeySeal {
  private readonly sealingKey: Buffer;

  constructor({ SECRET_KEY }: Settings) {
    this.sealingKey = Buffer.from(hkdfSync('sha256', SECRET_KEY, '', 'latchkey: webhook keys at rest', 32));
  }

  /** Encrypts the secret part of a key. The key's ID is authenticated as well, so that rows can't be swapped. */
  seal(id: string, secretPart: string): string {
    return seal(this.sealingKey, id, secretPart);
  }

  /** @throws Error if it was encrypted under another SECRET_KEY or for another key */
  open(id: string, sealed: string): string {
    return unseal(this.sealingKey, id, sealed);
  }
}
