import { createPublicKey, generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { PUBLIC_URL } from '../../support/app.js';
import { compact, ecdsa, hmac, rsa, unsigned } from '../../support/forge.js';
import type { Signer } from '../../support/forge.js';
import { ACCEPTED, REFUSED, forBoth, good, keys, parts, presentBoth, setUp, signer, t } from './setup.js';
import type { Kind } from './setup.js';

/** Keys of somebody who is not us. */
const foreign = {
  secret: randomBytes(32),
  ec: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
};

setUp();

/** What everybody may know of the key of the bearer tokens. */
function publicKey(): KeyObject {
  return keys['bearer token'].verifying;
}

function pem(): string {
  return publicKey().export({ type: 'spki', format: 'pem' }) as string;
}

function jwk(): Record<string, unknown> {
  return publicKey().export({ format: 'jwk' }) as Record<string, unknown>;
}

describe('S10: the algorithm and the key', () => {
  it.each(
    forBoth(
      ['none', 'None', 'NONE', 'nOnE', 'none ', ''].flatMap((alg) =>
        ['', 'AA', 'signature'].map((signature) => ({ alg, signature })),
      ),
    ),
  )(
    'S10: a $kind with the algorithm "$alg" and the signature "$signature" is refused',
    async ({ kind, alg, signature }) => {
      expect(
        await presentBoth(kind, ({ header, payload }) => compact({ ...header, alg }, payload, () => signature)),
      ).toEqual([REFUSED[kind], ACCEPTED[kind]]);
    },
  );

  it.each(forBoth(['none', 'HS256', 'ES256'].map((alg) => ({ alg }))))(
    'S10: a $kind with the algorithm "$alg" and only two parts is refused',
    async ({ kind, alg }) => {
      const [refused] = await presentBoth(kind, ({ header, payload }) =>
        compact({ ...header, alg }, payload, unsigned).slice(0, -1),
      );
      expect(refused).toEqual(REFUSED[kind]);
    },
  );

  interface Confusion {
    what: string;
    header: (header: Record<string, unknown>) => Record<string, unknown>;
    signer: () => Signer;
  }

  it.each<Confusion & { kind: Kind }>([
    ...forBoth<Confusion>([
      {
        what: 'HS256, signed with the public key as PEM',
        header: (h) => ({ ...h, alg: 'HS256' }),
        signer: () => hmac(pem()),
      },
      {
        what: 'HS256, signed with the public key as PEM without the last line break',
        header: (h) => ({ ...h, alg: 'HS256' }),
        signer: () => hmac(pem().trimEnd()),
      },
      {
        what: 'HS256, signed with the public key as DER',
        header: (h) => ({ ...h, alg: 'HS256' }),
        signer: () => hmac(publicKey().export({ type: 'spki', format: 'der' })),
      },
      {
        what: 'HS256, signed with the public key as a JWK',
        header: (h) => ({ ...h, alg: 'HS256' }),
        signer: () => hmac(JSON.stringify(jwk())),
      },
      {
        what: 'HS256, signed with x of the public key',
        header: (h) => ({ ...h, alg: 'HS256' }),
        signer: () => hmac(Buffer.from(jwk().x as string, 'base64url')),
      },
      {
        what: 'HS256, the kid of the bearer tokens’ key and its public key as PEM',
        header: (h) => ({ ...h, alg: 'HS256', kid: keys['bearer token'].kid }),
        signer: () => hmac(pem()),
      },
      { what: 'HS256, signed with an empty key', header: (h) => ({ ...h, alg: 'HS256' }), signer: () => hmac('') },
      {
        what: 'HS256, signed with the kid',
        header: (h) => ({ ...h, alg: 'HS256' }),
        signer: () => hmac(keys['login token'].kid),
      },
      {
        what: 'HS256 and somebody else’s key',
        header: (h) => ({ ...h, alg: 'HS256' }),
        signer: () => hmac(foreign.secret),
      },
      {
        what: 'RS256 and somebody else’s key',
        header: (h) => ({ ...h, alg: 'RS256' }),
        signer: () => rsa(foreign.rsa.privateKey),
      },
      {
        what: 'ES256 and somebody else’s key',
        header: (h) => ({ ...h, alg: 'ES256' }),
        signer: () => ecdsa(foreign.ec.privateKey),
      },
      {
        what: 'an algorithm of another spelling',
        header: (h) => ({ ...h, alg: (h.alg as string).toLowerCase() }),
        signer: () => hmac(foreign.secret),
      },
    ]),
    {
      kind: 'login token',
      what: 'HS384, signed with the right key',
      header: (h) => ({ ...h, alg: 'HS384' }),
      signer: () => hmac(keys['login token'].signing, 'sha384'),
    },
    {
      kind: 'login token',
      what: 'HS512, signed with the right key',
      header: (h) => ({ ...h, alg: 'HS512' }),
      signer: () => hmac(keys['login token'].signing, 'sha512'),
    },
    {
      kind: 'login token',
      what: 'hs256, signed with the right key',
      header: (h) => ({ ...h, alg: 'hs256' }),
      signer: () => signer('login token'),
    },
    {
      kind: 'login token',
      what: 'ES256, signed with the key of the bearer tokens',
      header: (h) => ({ ...h, alg: 'ES256', kid: keys['bearer token'].kid }),
      signer: () => signer('bearer token'),
    },
    {
      kind: 'bearer token',
      what: 'HS256, signed with the key of the login tokens',
      header: (h) => ({ ...h, alg: 'HS256', kid: keys['login token'].kid }),
      signer: () => signer('login token'),
    },
    {
      kind: 'bearer token',
      what: 'ES384, signed with the right key',
      header: (h) => ({ ...h, alg: 'ES384' }),
      signer: () => signer('bearer token'),
    },
    {
      kind: 'bearer token',
      what: 'a signature in DER',
      header: (h) => h,
      signer: () => ecdsa(keys['bearer token'].signing, 'der'),
    },
    {
      kind: 'bearer token',
      what: 'a signature of zeros',
      header: (h) => h,
      signer: () => () => Buffer.alloc(64).toString('base64url'),
    },
    {
      kind: 'login token',
      what: 'a signature of zeros',
      header: (h) => h,
      signer: () => () => Buffer.alloc(32).toString('base64url'),
    },
  ])('S10: a $kind with $what is refused', async ({ kind, header: change, signer: by }) => {
    expect(await presentBoth(kind, ({ header, payload }) => compact(change(header), payload, by()))).toEqual([
      REFUSED[kind],
      ACCEPTED[kind],
    ]);
  });

  it.each(
    forBoth(
      [
        { what: 'unknown', kid: randomBytes(16).toString('base64url') },
        { what: 'a path', kid: '../../../../../../dev/null' },
        { what: 'a URL', kid: 'https://evil.example/keys' },
        { what: 'SQL', kid: `' OR '1'='1` },
        { what: 'SQL that selects a key', kid: `x' UNION SELECT 'AA' --` },
        { what: 'the name of a member of every object', kid: '__proto__' },
        { what: 'NUL', kid: '\0' },
        { what: 'a number of a list', kid: '0' },
        { what: 'very long', kid: 'k'.repeat(2_000) },
      ].flatMap((row) => [
        { ...row, by: 'the right key', signer: (kind: Kind) => signer(kind) },
        { ...row, by: 'an empty key', signer: () => hmac('') },
        { ...row, by: 'the key that it selects', signer: () => hmac('AA') },
      ]),
    ),
  )('S10: a $kind whose kid is $what is refused, signed with $by', async ({ kind, kid, signer: by }) => {
    const [refused] = await presentBoth(kind, ({ header, payload }) => compact({ ...header, kid }, payload, by(kind)));
    expect(refused).toEqual(REFUSED[kind]);
  });

  it.each(forBoth([{}]))(
    'S10: a $kind whose kid has the right key’s name with something around it is refused',
    async ({ kind }) => {
      for (const around of [
        (kid: string) => ` ${kid}`,
        (kid: string) => `${kid} `,
        (kid: string) => `${kid}\0`,
        (kid: string) => kid.toLowerCase(),
        (kid: string) => `${kid}%`,
      ]) {
        const [refused] = await presentBoth(kind, ({ header, payload }) =>
          compact({ ...header, kid: around(header.kid as string) }, payload, signer(kind)),
        );
        expect(refused).toEqual(REFUSED[kind]);
      }
    },
  );

  const EXTRA: { what: string; members: () => Record<string, unknown> }[] = [
    {
      what: 'the key itself (jwk)',
      members: () => ({ jwk: createPublicKey(foreign.ec.privateKey).export({ format: 'jwk' }) }),
    },
    {
      what: 'the secret itself (jwk)',
      members: () => ({ jwk: { kty: 'oct', k: foreign.secret.toString('base64url') } }),
    },
    { what: 'where the keys are (jku)', members: () => ({ jku: `${PUBLIC_URL}/oauth/keys` }) },
    { what: 'where the certificate is (x5u)', members: () => ({ x5u: `${PUBLIC_URL}/certificate` }) },
    {
      what: 'a certificate (x5c)',
      members: () => ({ x5c: [foreign.ec.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')] }),
    },
    { what: 'the name of a certificate (x5t)', members: () => ({ 'x5t#S256': foreign.secret.toString('base64url') }) },
    { what: 'an encoding (b64)', members: () => ({ b64: true }) },
    { what: 'no encoding, marked critical (b64)', members: () => ({ b64: false, crit: ['b64'] }) },
    { what: 'an unknown critical member', members: () => ({ crit: ['more'], more: true }) },
    { what: 'a claim marked critical', members: () => ({ crit: ['exp'] }) },
    { what: 'nothing marked critical', members: () => ({ crit: [] }) },
    { what: 'compression (zip)', members: () => ({ zip: 'DEF' }) },
    { what: 'a nested token (cty)', members: () => ({ cty: 'JWT' }) },
    { what: 'another spelling of a member (ALG)', members: () => ({ ALG: 'none' }) },
    { what: 'a claim (exp)', members: () => ({ exp: 9_999_999_999 }) },
    { what: 'a member that nobody knows', members: () => ({ more: 1 }) },
  ];

  it.each(forBoth(EXTRA))(
    'S10: a $kind that brings $what in its header is refused, however well it is signed',
    async ({ kind, members }) => {
      expect(
        await presentBoth(kind, ({ header, payload }) => compact({ ...header, ...members() }, payload, signer(kind))),
      ).toEqual([REFUSED[kind], ACCEPTED[kind]]);
    },
  );

  it.each(forBoth(EXTRA))(
    'S10: a $kind that brings $what in its header is refused, signed with a foreign key',
    async ({ kind, members }) => {
      const by = kind === 'login token' ? hmac(foreign.secret) : ecdsa(foreign.ec.privateKey);
      const [refused] = await presentBoth(kind, ({ header, payload }) =>
        compact({ ...header, ...members() }, payload, by),
      );
      expect(refused).toEqual(REFUSED[kind]);
    },
  );
});

describe('S10: the signature', () => {
  it.each(
    forBoth([
      { what: 'the user', claims: () => ({ sub: 'Tq0mHc2b4cV8p0fYxw3n1A' }) },
      { what: 'the token’s id', claims: () => ({ jti: randomUUID() }) },
      { what: 'the end', claims: () => ({ exp: 9_999_999_999 }) },
      { what: 'the client', claims: () => ({ client_id: '3f0c6d1e9b7a4c2d8e5f60718293a4b5' }) },
      { what: 'a claim that nobody reads', claims: () => ({ more: true }) },
      { what: 'the scope', claims: () => ({ scope: 'ROLE_ADMIN' }) },
    ]),
  )('S10: a $kind in which $what was changed after it was signed is refused', async ({ kind, claims }) => {
    expect(
      await presentBoth(kind, ({ header, payload }, text) =>
        compact(header, { ...payload, ...claims() }, () => parts(text)[2]),
      ),
    ).toEqual([REFUSED[kind], ACCEPTED[kind]]);
  });

  it.each(
    forBoth([0, 1, 7, 15, 31, 32, 33, 47, 62, 63].map((byte) => ({ byte }))).filter(
      ({ kind, byte }) => kind === 'bearer token' || byte < 32,
    ),
  )('S10: a $kind with one bit changed in byte $byte of its signature is refused', async ({ kind, byte }) => {
    const [refused, accepted] = await presentBoth(kind, (_, text) => {
      const [header, payload, encoded] = text.split('.');
      const signature = Buffer.from(encoded!, 'base64url');
      signature[byte]! ^= 1;
      return `${header}.${payload}.${signature.toString('base64url')}`;
    });
    expect([refused, accepted]).toEqual([REFUSED[kind], ACCEPTED[kind]]);
  });

  it.each(forBoth([{}]))('S10: a $kind with the signature of another good one is refused', async ({ kind }) => {
    const other = kind === 'login token' ? await good(kind) : (await t.world.caller()).token;
    const [refused] = await presentBoth(
      kind,
      (_, text) => `${text.slice(0, text.lastIndexOf('.'))}${other.slice(other.lastIndexOf('.'))}`,
    );
    expect(refused).toEqual(REFUSED[kind]);
  });

  it.each(forBoth([1, 2, 11, 22, 42].map((characters) => ({ characters }))))(
    'S10: a $kind whose signature lacks $characters characters is refused',
    async ({ kind, characters }) => {
      expect(await presentBoth(kind, (_, text) => text.slice(0, -characters))).toEqual([REFUSED[kind], ACCEPTED[kind]]);
    },
  );
});
