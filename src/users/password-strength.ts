import type { ZxcvbnFactory } from '@zxcvbn-ts/core';
import { DomainError } from '../common/errors/errors.js';

/** NIST SP 800-63B, section 3.1.1.2: at least 15 characters where a password is all there is. */
export const MIN_PASSWORD_LENGTH = 15;
/** Longer ones only cost time to hash. */
export const MAX_PASSWORD_LENGTH = 256;

/** Of four: a password that is not among the first hundred million which somebody would try who knows what people choose. */
const MIN_SCORE = 3;
/** Enough of a password to see whether it is a strong one. What is looked at grows faster than its length. */
const MAX_LOOKED_AT = 64;

let estimator: Promise<ZxcvbnFactory> | undefined;

/**
 * @param about words that others know of the account, as its e-mail address and name
 * @throws DomainError `invalid_password` for one that is too short or too long, or that others would try soon
 */
export async function requireStrongPassword(password: string, about: string[]): Promise<void> {
  if (password.length < MIN_PASSWORD_LENGTH || password.length > MAX_PASSWORD_LENGTH)
    throw new DomainError(
      'invalid_password',
      `A password has ${MIN_PASSWORD_LENGTH} to ${MAX_PASSWORD_LENGTH} characters.`,
    );
  const words = about.flatMap((text) => [text, ...text.split(/[\s@.]+/)]).filter((word) => word.length > 3);
  const { score } = (await (estimator ??= load())).check(password.slice(0, MAX_LOOKED_AT), words);
  if (score < MIN_SCORE)
    throw new DomainError(
      'invalid_password',
      'This password is easy to guess: it is common, or follows a pattern. Several words that have nothing to do with each other make a good one.',
    );
}

/** Its dictionary takes a second to read, and most processes set no password. */
async function load(): Promise<ZxcvbnFactory> {
  const [{ ZxcvbnFactory }, { dictionary, adjacencyGraphs }] = await Promise.all([
    import('@zxcvbn-ts/core'),
    import('@zxcvbn-ts/language-common'),
  ]);
  return new ZxcvbnFactory({ dictionary, graphs: adjacencyGraphs });
}
