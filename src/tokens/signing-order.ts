import type { SigningKey } from '../schema/entities/signing-key.entity.js';

type Lifetime = Pick<SigningKey, 'signsFrom' | 'retiredAt'>;

/** Whether a key still verifies signatures. */
export function isLive({ retiredAt }: Lifetime, now: Date): boolean {
  return retiredAt === null || retiredAt > now;
}

/**
 * Finds the key that signs, among keys of one purpose in descending order of `signsFrom`: the newest whose time to sign
 * has come, so that all instances agree. If no key's time has come, our clock is behind that of the instance that made
 * the first key; the first key signs then.
 */
export function findSigning<K extends Lifetime>(keys: K[], now: Date): K | undefined {
  const live = keys.filter((key) => isLive(key, now));
  return live.find(({ signsFrom }) => signsFrom <= now) ?? live.at(-1);
}
