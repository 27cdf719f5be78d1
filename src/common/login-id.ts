import { randomUUID } from 'node:crypto';

/*
 * The ID of a login, from the call that let the user in to the end of their session: a UUID that begins with the time
 * (RFC 9562, section 5.7), so that tables and indexes grow at their end. It is the login token's `jti`, and the handle
 * of the session that the token starts.
 */

const TIME_BYTES = 6;
const BYTES = 16;
/** The character at which a UUID tells its version, and the version of a random one. */
const VERSION_AT = 14;
const RANDOM_VERSION = '4';
const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/;

/** A new ID for a login that begins at `at`. */
export function newLoginId(at: Date): string {
  return withTime(randomUUID(), at);
}

/** When the login began, to the millisecond. */
export function instantOfLogin(id: string): Date {
  return new Date(toBytes(id).readUIntBE(0, TIME_BYTES));
}

/** The smallest ID of a login that begins at `at`: the bound of a range, not an ID. */
export function firstLoginAt(at: Date): Buffer {
  const bytes = Buffer.alloc(BYTES);
  bytes.writeUIntBE(Math.max(at.getTime(), 0), 0, TIME_BYTES);
  return bytes;
}

/**
 * The login of a token, from its claims. A token from before logins had IDs that begin with the time has a random `jti`
 * (version 4), which the migration has turned into such an ID by the same rule.
 */
export function loginOfToken({ jti, iat }: { jti: string; iat: number }): string {
  return jti[VERSION_AT] === RANDOM_VERSION ? withTime(jti, new Date(iat * 1000)) : jti;
}

/** The random UUID with the time in its first 12 digits, as version 7. */
function withTime(uuid: string, at: Date): string {
  const time = at
    .getTime()
    .toString(16)
    .padStart(TIME_BYTES * 2, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${uuid.slice(VERSION_AT + 1)}`;
}

/** The ID as the database stores it. A text that is no ID, such as the `jti` of another token, has the bytes of no login. */
export function toBytes(id: string): Buffer {
  if (!UUID.test(id)) return Buffer.alloc(BYTES);
  return Buffer.from(id.replaceAll('-', ''), 'hex');
}

/** An ID from a raw row: bytes on SQLite, text on PostgreSQL. */
export function readLoginId(value: Buffer | string): string {
  return typeof value === 'string' ? value : fromBytes(value);
}

/** Whether a text has the form of a login's ID: a UUID of version 7. That of a request's ID is version 4. */
export function isLoginId(text: string): boolean {
  return UUID.test(text) && text[VERSION_AT] === '7';
}

/** The text of an ID from its bytes. */
export function fromBytes(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
