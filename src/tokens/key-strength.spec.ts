import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { weaknessOf } from './key-strength.js';

function rsa(modulus: bigint, exponent = 65_537n): KeyObject {
  const [n, e] = [modulus, exponent].map((number) => {
    const hex = number.toString(16);
    return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('base64url');
  });
  return createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' });
}

const PRIMES = [2n, 3n, 5n, 7n, 11n, 13n, 17n, 19n, 23n, 29n, 31n, 37n, 41n, 43n, 47n, 53n, 59n, 61n, 67n, 71n, 73n]
  .concat([79n, 83n, 89n, 97n, 101n, 103n, 107n, 109n, 113n, 127n, 131n, 137n, 139n, 149n, 151n, 157n, 163n, 167n])
  .concat([173n, 179n, 181n, 191n, 193n, 197n, 199n, 211n, 223n, 227n, 229n]);
const PRODUCT = PRIMES.reduce((product, prime) => product * prime);

/**
 * A modulus of 2048 bits that equals 65537 to the `power`, modulo the product of the primes, as the weak chips made it.
 */
function ofChip(power: number): bigint {
  let remainder = 1n;
  for (let i = 0; i < power; i++) remainder = (remainder * 65_537n) % PRODUCT;
  return ((1n << 2047n) / PRODUCT + 1n + BigInt(power)) * PRODUCT + remainder;
}

it.each([0, 1, 2, 17, 1000])('a modulus that is a power of 65537 for all small primes is refused: %i', (power) => {
  expect(weaknessOf(rsa(ofChip(power)))).toMatch(/ROCA/);
  expect(weaknessOf(rsa(ofChip(power) + 2n))).toBeNull();
});

it('keys that are made here, and keys of other kinds, are good', () => {
  for (let i = 0; i < 3; i++)
    expect(weaknessOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey)).toBeNull();
  expect(weaknessOf(generateKeyPairSync('ed25519').publicKey)).toBeNull();
});

it.each([
  ['01', 'the point that adds nothing'],
  ['00', 'a point of order 4'],
  [`ec${'ff'.repeat(30)}7f`, 'the point of order 2'],
  ['26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05', 'a point of order 8'],
  ['c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a', 'another point of order 8'],
  [`ed${'ff'.repeat(30)}7f`, 'a point of order 4 that is not written in the shortest way'],
  [`ee${'ff'.repeat(30)}7f`, 'the point that adds nothing, not written in the shortest way'],
])('%s on Ed25519 is refused: %s', (hex) => {
  const point = Buffer.from(hex.padEnd(64, '0'), 'hex');
  for (const sign of [0, 0x80]) {
    point[31]! ^= sign;
    const key = createPublicKey({
      key: { kty: 'OKP', crv: 'Ed25519', x: point.toString('base64url') },
      format: 'jwk',
    });
    expect(weaknessOf(key)).toMatch(/Ed25519/);
  }
});

it('short and long keys, and small and even exponents, are refused', () => {
  const { n } = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' });
  const good = BigInt(`0x${Buffer.from(n!, 'base64url').toString('hex')}`);
  expect(weaknessOf(rsa(good >> 1n))).toMatch(/bits/);
  expect(weaknessOf(rsa((good << 6145n) + 1n))).toMatch(/bits/);
  for (const exponent of [3n, 17n, 65_536n, 65_538n]) expect(weaknessOf(rsa(good, exponent))).toMatch(/exponent/);
});
