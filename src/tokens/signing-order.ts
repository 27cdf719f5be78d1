import type { SigningKey } from '../schema/entities/signing-key.entity.js';

type Lifetime = Pick<SigningKey, 'signsFrom' | 'retiredAt'>;

/** Whether a key still verifies. */
export function isLive({ retiredAt }: Lifetime, now: Date): boolean {
  return retiredAt === null || retiredAt > now;
}

/**
 * The key that signs, of keys of one purpose in the order of `signsFrom`, the last first: the newest one whose time to sign has come,
 * so that all instances agree. Where the clock says that no time has come yet, it is behind that of the instance that made the first
 * key, which signs then.
 */
export function findSigning<K extends Lifetime>(keys: K[], now: Date): K | undefined {
  const live = keys.filter((key) => isLive(key, now));
  return live.find(({ signsFrom }) => signsFrom <= now) ?? live.at(-1);
}
