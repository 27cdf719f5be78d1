import { LatchkeyError } from '../api';

/** A key pair that was made in this browser. */
export interface KeyPair {
  publicKey: Jwk;
  /** PEM (PKCS #8). It is offered for download, and never sent. */
  privateKey: string;
}

/** A public key as the API takes it (RFC 7517). */
export type Jwk = JsonWebKey & { kid?: string };

/** What Latchkey accepts (docs/api.md, section 9.1), as WebCrypto calls it. */
const ALGORITHMS = [
  { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  { name: 'ECDSA', namedCurve: 'P-256' },
  { name: 'Ed25519' },
] as const;

/** The members that make a key (RFC 7638, section 3.2; RFC 8037, section 2), in the order of the thumbprint. */
const MEMBERS = { EC: ['crv', 'kty', 'x', 'y'], OKP: ['crv', 'kty', 'x'], RSA: ['e', 'kty', 'n'] } as const;

/** Makes a key for ES256, which every library knows. */
export async function makeKeyPair(): Promise<KeyPair> {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const [jwk, pkcs8] = await Promise.all([
    crypto.subtle.exportKey('jwk', pair.publicKey),
    crypto.subtle.exportKey('pkcs8', pair.privateKey),
  ]);
  return { publicKey: await named(jwk), privateKey: pemOf(new Uint8Array(pkcs8)) };
}

/** @throws LatchkeyError `private_key_given`: a private key must never be sent, also not as part of a JWK */
export function requirePublic(text: string): void {
  if (/PRIVATE KEY|"(?:d|p|q|dp|dq|qi|oth|k)"\s*:/.test(text)) throw faultOf('private_key_given');
}

/**
 * Reads public keys for the list of a client: a JWK, a JWK Set, or PEM. Each gets a name if it has none.
 *
 * @throws LatchkeyError `private_key_given`, `invalid_public_key`
 */
export async function readPublicKeys(text: string): Promise<Jwk[]> {
  requirePublic(text);
  if (!text.trim().startsWith('{')) return [await named(await jwkOfPem(text))];
  let given: Jwk & { keys?: Jwk[] };
  try {
    given = JSON.parse(text) as Jwk;
  } catch {
    throw faultOf('invalid_public_key');
  }
  return Promise.all((given.keys ?? [given]).map(named));
}

async function jwkOfPem(text: string): Promise<JsonWebKey> {
  const base64 = /-----BEGIN PUBLIC KEY-----([\w+/=\s]+)-----END PUBLIC KEY-----/.exec(text)?.[1];
  if (base64 === undefined) throw faultOf('invalid_public_key');
  const der = Uint8Array.from(atob(base64.replaceAll(/\s/g, '')), (character) => character.charCodeAt(0));
  for (const algorithm of ALGORITHMS) {
    const key = await crypto.subtle.importKey('spki', der, algorithm, true, ['verify']).catch(() => null);
    // The name of the algorithm is left out: an RSA key may be for RS256 and for PS256.
    if (key) return { ...(await crypto.subtle.exportKey('jwk', key)), alg: undefined };
  }
  throw faultOf('invalid_public_key');
}

/** The key without the notes of the browser, and with a name. */
async function named(jwk: Jwk): Promise<Jwk> {
  return { ...jwk, kid: jwk.kid ?? (await thumbprintOf(jwk)), key_ops: undefined, ext: undefined };
}

/** RFC 7638, section 3. */
async function thumbprintOf(jwk: Jwk): Promise<string> {
  const members = MEMBERS[jwk.kty as keyof typeof MEMBERS];
  if (!members) throw faultOf('invalid_public_key');
  const text = JSON.stringify(Object.fromEntries(members.map((member) => [member, jwk[member]])));
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
  return base64Of(hash).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

function pemOf(der: Uint8Array): string {
  const lines = base64Of(der).match(/.{1,64}/g)!;
  return ['-----BEGIN PRIVATE KEY-----', ...lines, '-----END PRIVATE KEY-----', ''].join('\n');
}

function base64Of(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** A fault that this browser finds before it sends anything. */
function faultOf(id: string): LatchkeyError {
  return new LatchkeyError(id, 0, null, '', {});
}
