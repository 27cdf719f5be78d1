import { hash, randomBytes } from 'node:crypto';

/**
 * 16 random bytes as 22 characters of base64url: the ID of a user, group or organization. It never begins with
 * a hyphen, so that no command line reads it as an option.
 */
export function newId(): string {
  let id: string;
  do id = randomBytes(16).toString('base64url');
  while (id.startsWith('-'));
  return id;
}

/** 16 random bytes as 32 lower-case hexadecimal characters: the ID of an OAuth client. */
export function newClientId(): string {
  return randomBytes(16).toString('hex');
}

/** 256 random bits as 43 characters of base64url, for a value that grants a right to whoever has it. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

/**
 * The hash under which a secret is stored. Plain SHA-256 is enough: every secret here has 256 random bits and can't be
 * guessed, and a slow hash would only slow down the session check.
 */
export function hashSecret(secret: string): string {
  return hash('sha256', secret, 'base64url');
}

/** Whether a text has the form of an ID, or is `self`. */
export function isId(text: string): boolean {
  return /^[\w-]{1,64}$/.test(text);
}
