import { createHmac, sign } from 'node:crypto';
import type { BinaryLike, KeyObject } from 'node:crypto';
import type { TestApp } from './app.js';

export interface Jwt {
  header: Record<string, unknown>;
  payload: Record<string, unknown>;
}

/** Signs the first two parts of a compact JWS. */
export type Signer = (text: string) => string;

export function hmac(key: BinaryLike | KeyObject, digest = 'sha256'): Signer {
  return (text) => createHmac(digest, key).update(text).digest('base64url');
}

/** An ES256 signature in the format of JWS (64 bytes), or with `der` in that of other protocols. */
export function ecdsa(key: KeyObject, dsaEncoding: 'ieee-p1363' | 'der' = 'ieee-p1363'): Signer {
  return (text) => sign('sha256', Buffer.from(text), { key, dsaEncoding }).toString('base64url');
}

export function rsa(key: KeyObject): Signer {
  return (text) => sign('sha256', Buffer.from(text), key).toString('base64url');
}

export function signerOf(key: KeyObject): Signer {
  return key.type === 'secret' ? hmac(key) : ecdsa(key);
}

export const unsigned: Signer = () => '';

/** A compact JWS. A part that is text already is used as it is; `undefined` members are left out. */
export function compact(header: unknown, payload: unknown, signer: Signer): string {
  const signed = `${encoded(header)}.${encoded(payload)}`;
  return `${signed}.${signer(signed)}`;
}

export function decode(token: string): Jwt {
  const [header, payload] = token.split('.').map((part) => Buffer.from(part, 'base64url').toString());
  return { header: JSON.parse(header!), payload: JSON.parse(payload!) };
}

/** Forgets the wrong tokens of this minute, so that the limit does not cut a table of them short. */
export async function forgetFailedAttempts(t: TestApp): Promise<void> {
  await t.world.write((db) => db.query('DELETE FROM "failed_attempts"'));
}

function encoded(part: unknown): string {
  return Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');
}
