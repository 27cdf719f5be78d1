import { hash, randomBytes } from 'node:crypto';

/**
 * 16 random bytes as 22 characters of base64url: the id of a user, group, organization or session. It begins with no
 * hyphen, so that a command line takes it for no option.
 */
export function newId(): string {
  let id: string;
  do id = randomBytes(16).toString('base64url');
  while (id.startsWith('-'));
  return id;
}

/** 16 random bytes as 32 lower-case hex characters: the id of an OAuth client. */
export function newClientId(): string {
  return randomBytes(16).toString('hex');
}

/** 256 random bits as 43 characters of base64url, for a value that is itself the proof of a right. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

/**
 * What is stored of a secret. Plain SHA-256 is enough because every secret here has 256 random bits:
 * there is nothing to guess, so a slow hash would only slow the session check.
 */
export function hashSecret(secret: string): string {
  return hash('sha256', secret, 'base64url');
}

/** Whether a text can be an id at all, or `self`. */
export function isId(text: string): boolean {
  return /^[\w-]{1,64}$/.test(text);
}
