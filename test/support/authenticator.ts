import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { Answer } from './app.js';

const USER_PRESENT = 0x01;
const USER_VERIFIED = 0x04;
const HAS_CREDENTIAL = 0x40;

/** An authenticator in software, with one ES256 passkey (Web Authentication, section 6). */
export class Authenticator {
  readonly credentialId = randomBytes(16);
  /** Whether it has checked that it is the user. */
  verifiesUser = true;
  /** How often it has signed; 0 for one that does not count. */
  signCount = 0;
  private readonly privateKey: KeyObject;
  private readonly cose: Buffer;

  constructor(private readonly origin: string) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.privateKey = privateKey;
    const { x, y } = publicKey.export({ format: 'jwk' });
    // kty: EC2, alg: ES256, crv: P-256 (RFC 9053, section 7.1.1).
    this.cose = map([1, 2], [3, -7], [-1, 1], [-2, bytes(x)], [-3, bytes(y)]);
  }

  /** What a browser answers that makes a passkey. */
  make({ challenge }: { challenge: string }): string {
    const credential = Buffer.concat([Buffer.alloc(16), bigEndian(this.credentialId.length, 2), this.credentialId]);
    const data = Buffer.concat([this.authenticatorData(HAS_CREDENTIAL), credential, this.cose]);
    return this.answer('webauthn.create', challenge, () => ({
      attestationObject: map(['fmt', 'none'], ['attStmt', map()], ['authData', data]).toString('base64url'),
      transports: ['internal'],
    }));
  }

  /** What a browser answers that uses the passkey. */
  use({ challenge }: { challenge: string }): string {
    const data = this.authenticatorData(0);
    return this.answer('webauthn.get', challenge, (client) => ({
      authenticatorData: data.toString('base64url'),
      signature: sign('sha256', Buffer.concat([data, sha256(client)]), this.privateKey).toString('base64url'),
    }));
  }

  private authenticatorData(flags: number): Buffer {
    const all = flags | USER_PRESENT | (this.verifiesUser ? USER_VERIFIED : 0);
    return Buffer.concat([sha256(new URL(this.origin).hostname), Buffer.from([all]), bigEndian(this.signCount, 4)]);
  }

  private answer(type: string, challenge: string, response: (client: Buffer) => object): string {
    const client = Buffer.from(JSON.stringify({ type, challenge, origin: this.origin, crossOrigin: false }));
    const id = this.credentialId.toString('base64url');
    return JSON.stringify({
      id,
      rawId: id,
      type: 'public-key',
      clientExtensionResults: {},
      response: { clientDataJSON: client.toString('base64url'), ...response(client) },
    });
  }
}

interface PasskeyOptions {
  challenge: string;
  /** Only for a new passkey. */
  rp?: { name: string; id: string };
}

/** What a page's form tells the browser for a passkey. */
export function passkeyOptionsOf({ text }: Answer, what: 'make' | 'use'): PasskeyOptions {
  const json = new RegExp(`data-passkey="${what}" data-options="([^"]*)"`).exec(text)?.[1];
  if (!json) throw new Error(`no form for a passkey in ${text}`);
  return JSON.parse(
    json.replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code))),
  ) as PasskeyOptions;
}

function bytes(text: string | undefined): Buffer {
  return Buffer.from(text!, 'base64url');
}

function sha256(value: string | Buffer): Buffer {
  return createHash('sha256').update(value).digest();
}

function bigEndian(value: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
}

type Item = number | string | Buffer;

/** A map in CBOR (RFC 8949). A `Buffer` under a text key that holds CBOR already is taken as it is. */
function map(...entries: [number | string, Item][]): Buffer {
  const items = entries.flatMap(([key, value]) => [item(key), key === 'attStmt' ? (value as Buffer) : item(value)]);
  return Buffer.concat([Buffer.from([0xa0 | entries.length]), ...items]);
}

function item(value: Item): Buffer {
  if (typeof value === 'number') return value < 0 ? head(1, -1 - value) : head(0, value);
  const bytes = Buffer.from(value as string);
  return Buffer.concat([head(typeof value === 'string' ? 3 : 2, bytes.length), bytes]);
}

/** The first bytes of an item: its major type, and a number below 65,536. */
function head(type: number, value: number): Buffer {
  if (value < 24) return Buffer.from([(type << 5) | value]);
  return value < 256
    ? Buffer.from([(type << 5) | 24, value])
    : Buffer.from([(type << 5) | 25, value >> 8, value & 255]);
}
