import type { KeyObject } from 'node:crypto';

/**
 * The smallest allowed RSA modulus, in bits (NIST SP 800-131A), and the largest: a longer one would only take longer to
 * verify.
 */
const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 8192;
/** FIPS 186-5, section A.1.1. An even exponent has no inverse. */
const MIN_RSA_EXPONENT = 65_537n;

/** The odd primes that the ROCA fingerprint tests. */
const PRIMES = Array.from({ length: 165 }, (_, index) => index + 3).filter((number) =>
  Array.from({ length: number - 2 }, (_, index) => index + 2).every((smaller) => number % smaller !== 0),
);
const GENERATOR = 65_537;

/** For each prime, the remainders of the generator's powers. */
const REMAINDERS = PRIMES.map((prime) => {
  const remainders = new Set<number>();
  for (let power = 1; !remainders.has(power); power = (power * GENERATOR) % prime) remainders.add(power);
  return { prime: BigInt(prime), remainders };
});

/**
 * The Ed25519 points of order 1, 2, 4 and 8 without their sign bits, including non-canonical encodings. With such a
 * key, one signature is valid for every message or for a large share of them. The list is libsodium's.
 */
const SMALL_ORDER = new Set([
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  ...['ec', 'ed', 'ee'].map((first) => `${first}${'ff'.repeat(30)}7f`),
]);

/** Why a key's signatures prove nothing, or `null` if they do. Only RSA and Ed25519 keys are checked. */
export function weaknessOf(key: KeyObject): string | null {
  if (key.asymmetricKeyType === 'ed25519' && isOfSmallOrder(key))
    return 'this Ed25519 key is a point of small order, so anybody can forge its signatures; create another key';
  if (key.asymmetricKeyType !== 'rsa') return null;
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (modulusLength < MIN_RSA_BITS || modulusLength > MAX_RSA_BITS)
    return `RSA keys must have ${MIN_RSA_BITS} to ${MAX_RSA_BITS} bits`;
  if (publicExponent < MIN_RSA_EXPONENT || publicExponent % 2n === 0n) return 'the exponent of RSA keys must be 65537';
  if (hasFingerprintOfRoca(key))
    return 'this RSA key comes from a chip whose keys can be broken (ROCA, CVE-2017-15361); create a new key elsewhere';
  return null;
}

function isOfSmallOrder(key: KeyObject): boolean {
  const point = Buffer.from(key.export({ format: 'jwk' }).x!, 'base64url');
  point[31]! &= 0x7f;
  return SMALL_ORDER.has(point.toString('hex'));
}

/**
 * CVE-2017-15361 (ROCA): the primes of these keys, and so their moduli, are powers of 65537 modulo the product of the
 * first primes. Fewer than one in a hundred million other keys have this property for all tested primes (Nemec et al.,
 * The Return of Coppersmith's Attack, section 3.2).
 */
function hasFingerprintOfRoca(key: KeyObject): boolean {
  const modulus = BigInt(`0x${Buffer.from(key.export({ format: 'jwk' }).n!, 'base64url').toString('hex')}`);
  return REMAINDERS.every(({ prime, remainders }) => remainders.has(Number(modulus % prime)));
}
