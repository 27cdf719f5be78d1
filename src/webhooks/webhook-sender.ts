import { Clock, toNumericDate } from '../common/clock.js';
import { RequestError } from '../common/guarded-request.js';
import type { GuardedConnections } from '../common/guarded-connections.js';
import type { WebhookMessage } from './webhook-message.js';
import type { Signer } from './webhook-signature.js';

/** A key that signs, until `until` if it is replaced. */
export interface SigningWebhookKey {
  sign: Signer;
  until: Date | null;
}

/** What became of a message. */
export interface SendOutcome {
  delivered: boolean;
  status?: number;
  retryAfter?: string;
  /** Why it was not delivered, in our own words. */
  error?: string;
}

/** Sends a message, signed by all keys that sign now (Standard Webhooks 1.0, "Webhook headers"). It never fails. */
export async function sendMessage(
  { id, body }: WebhookMessage,
  keys: SigningWebhookKey[],
  connections: GuardedConnections,
  clock: Clock,
): Promise<SendOutcome> {
  const now = clock.now();
  const timestamp = String(toNumericDate(now));
  const signing = keys.filter(({ until }) => until === null || until > now);
  const content = `${id}.${timestamp}.${body}`;
  const signatures = await Promise.all(signing.map(({ sign }) => sign(content)));
  try {
    const { status, retryAfter } = await connections.post(
      {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': timestamp,
        'webhook-signature': signatures.join(' '),
      },
      body,
    );
    if (status >= 200 && status < 300) return { delivered: true, status };
    return { delivered: false, status, retryAfter, error: `It answers with status ${status}.` };
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    return { delivered: false, error: error.message };
  }
}
