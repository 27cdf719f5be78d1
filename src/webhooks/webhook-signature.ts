import { createHmac, createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { WebhookKeyType } from '../schema/entities/webhook-key.entity.js';

/** Bytes of a secret: more than the 24 that the specification asks for. */
const SECRET_BYTES = 32;

/** How keys are written (Standard Webhooks 1.0, "Signature scheme"). */
const PUBLIC_PREFIX = 'whpk_';
const SECRET_PREFIX = 'whsec_';

/** DER of an Ed25519 private key before its 32 bytes (RFC 8410, section 7), and of a public key before its own. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI_BYTES = 12;

/** A new key. */
export interface NewWebhookKey {
  /** `whpk_…`, or `null` for a secret. */
  publicKey: string | null;
  /** The private key's 32 bytes, or those of the secret, in base64. */
  secretPart: string;
}

/** Makes a key. */
export function newWebhookKey(type: WebhookKeyType): NewWebhookKey {
  if (type === 'HMAC') return { publicKey: null, secretPart: randomBytes(SECRET_BYTES).toString('base64') };
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const own = privateKey.export({ type: 'pkcs8', format: 'der' }).subarray(PKCS8_PREFIX.length);
  const shown = publicKey.export({ type: 'spki', format: 'der' }).subarray(SPKI_BYTES);
  return { publicKey: PUBLIC_PREFIX + shown.toString('base64'), secretPart: own.toString('base64') };
}

/** A secret as receivers get it. */
export function shownSecret(secretPart: string): string {
  return SECRET_PREFIX + secretPart;
}

/** Signs what an endpoint gets: `v1,…` or `v1a,…`. */
export type Signer = (content: string) => Promise<string>;

/** Makes a signer of a key. */
export function signerOf(type: WebhookKeyType, secretPart: string): Signer {
  const bytes = Buffer.from(secretPart, 'base64');
  if (type === 'HMAC') return async (content) => `v1,${createHmac('sha256', bytes).update(content).digest('base64')}`;
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, bytes]), format: 'der', type: 'pkcs8' });
  return async (content) => `v1a,${(await signElsewhere(key, content)).toString('base64')}`;
}

/** Signs in a thread of its own, because it takes as long as the rest of a request. */
function signElsewhere(key: KeyObject, content: string): Promise<Buffer> {
  return new Promise((resolve, reject) =>
    sign(null, Buffer.from(content), key, (error, signature) => (error ? reject(error) : resolve(signature))),
  );
}
