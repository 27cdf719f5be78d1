import type { JsonWebKey } from 'node:crypto';

/** A line of an `id_….pub` file: the type, the key in base64 and a comment. */
const SSH_LINE = /^(ssh-rsa|ssh-ed25519|ecdsa-sha2-nistp256) ([\w+/]+={0,2})(?: .*)?$/;
/** An uncompressed point (SEC 1, section 2.3.3): the byte 4 and two coordinates of 32 bytes. */
const POINT_BYTES = 65;

export function isSshPublicKey(text: string): boolean {
  return SSH_LINE.test(text);
}

/**
 * Reads a public key in the format of OpenSSH (RFC 4253, section 6.6; RFC 5656, section 3.1; RFC 8709, section 4).
 *
 * @throws Error if its parts do not fit together
 */
export function readSshPublicKey(text: string): JsonWebKey {
  const [, named, encoded] = SSH_LINE.exec(text) as unknown as [string, string, string];
  const [type, first, second] = partsOf(Buffer.from(encoded, 'base64')) as [Buffer, Buffer, Buffer?];
  if (type.toString() !== named) throw new Error('The type of the key is not the one that its line names.');
  switch (named) {
    case 'ssh-rsa':
      return { kty: 'RSA', e: integer(first), n: integer(second!) };
    case 'ssh-ed25519':
      return { kty: 'OKP', crv: 'Ed25519', x: first.toString('base64url') };
    default:
      if (second?.length !== POINT_BYTES || second[0] !== 4) throw new Error('The point is not uncompressed.');
      return { kty: 'EC', crv: 'P-256', x: base64url(second, 1, 33), y: base64url(second, 33) };
  }
}

/** Splits bytes into parts. Each part follows its length in four bytes (RFC 4251, section 5). */
function partsOf(bytes: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) throw new Error('The key is cut off.');
    parts.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return parts;
}

/**
 * Converts an integer. OpenSSH puts a zero byte first if the highest bit is set (RFC 4251, section 5); a JWK has no
 * such byte (RFC 7518, section 2).
 */
function integer(part: Buffer): string {
  return part[0] === 0 ? base64url(part, 1) : part.toString('base64url');
}

function base64url(bytes: Buffer, start: number, end?: number): string {
  return bytes.subarray(start, end).toString('base64url');
}
