import { Injectable } from '@nestjs/common';
import { GuardedConnections } from '../common/guarded-connections.js';
import { TrustedProxies } from '../common/trusted-proxies.js';
import { Settings } from '../config/settings.js';
import type { WebhookKey } from '../schema/entities/webhook-key.entity.js';
import { WebhookKeySeal } from './webhook-key-seal.js';
import type { SigningWebhookKey } from './webhook-sender.js';
import { signerOf } from './webhook-signature.js';

/** Milliseconds that an endpoint has for its answer. */
export const ANSWER_MS = 15_000;

/** What it takes to send to an endpoint: connections that may be made, and keys. */
@Injectable()
export class WebhookConnectionsService {
  private readonly allowedNetworks: TrustedProxies;

  constructor(
    private readonly seal: WebhookKeySeal,
    { allowedNetworks }: Settings,
  ) {
    this.allowedNetworks = new TrustedProxies(allowedNetworks);
  }

  /** Connections to an endpoint, at most `max` at once. Nothing is connected yet. */
  open(url: string, max: number): GuardedConnections {
    const isAllowed = (address: string): boolean => this.allowedNetworks.includes(address);
    return new GuardedConnections(url, { max, timeoutMs: ANSWER_MS, isAllowed });
  }

  signersOf(keys: Pick<WebhookKey, 'id' | 'type' | 'sealedKey' | 'signsUntil'>[]): SigningWebhookKey[] {
    return keys.map(({ id, type, sealedKey, signsUntil }) => ({
      sign: signerOf(type, this.seal.open(id, sealedKey)),
      until: signsUntil,
    }));
  }
}
