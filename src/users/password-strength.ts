import type { ZxcvbnFactory } from '@zxcvbn-ts/core';
import { DomainError } from '../common/errors/errors.js';

/** NIST SP 800-63B, section 3.1.1.2: at least 15 characters if the password is the only factor. */
export const MIN_PASSWORD_LENGTH = 15;
/** Longer passwords would only take longer to hash. */
export const MAX_PASSWORD_LENGTH = 256;

/**
 * Of 4. A password with this score is not among the first hundred million guesses of an attacker who knows what people
 * choose.
 */
const MIN_SCORE = 3;
/**
 * How many characters are examined. They are enough to see whether a password is strong, and the time grows faster than
 * the length.
 */
const MAX_LOOKED_AT = 64;

let estimator: Promise<ZxcvbnFactory> | undefined;

/**
 * Checks a new password.
 *
 * @param about words that others know about the account, such as its e-mail address and name
 * @throws DomainError `invalid_password` if it is too short, too long or easy to guess
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

/** Loads the dictionary on first use: it takes a second to read, and most processes set no password. */
async function load(): Promise<ZxcvbnFactory> {
  const [{ ZxcvbnFactory }, { dictionary, adjacencyGraphs }] = await Promise.all([
    import('@zxcvbn-ts/core'),
    import('@zxcvbn-ts/language-common'),
  ]);
  return new ZxcvbnFactory({ dictionary, graphs: adjacencyGraphs });
}
