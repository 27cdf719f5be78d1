import { createPublicKey, generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { LoginToken } from '../../src/schema/entities/login-token.entity.js';
import { KeyRing } from '../../src/tokens/key-ring.js';
import { PUBLIC_URL, TestApp } from '../support/app.js';
import { compact, decode, ecdsa, forgive, hmac, rsa, signerOf, unsigned } from '../support/forge.js';
import type { Jwt, Signer } from '../support/forge.js';
import type { TestCaller } from '../support/world.js';

type Kind = 'login token' | 'bearer token';
const KINDS: Kind[] = ['login token', 'bearer token'];

let t: TestApp;
let caller: TestCaller;
/** Whom the caller may let in. */
let user: string;
let presented = 0;
let keys: Record<Kind, { kid: string; signing: KeyObject; verifying: KeyObject }>;
/** Keys of somebody who is not us. */
const foreign = {
  secret: randomBytes(32),
  ec: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
};

beforeAll(async () => {
  t = await TestApp.start();
  const ring = t.nest.get(KeyRing, { strict: false });
  keys = { 'login token': ring.signing('LOGIN'), 'bearer token': ring.signing('ACCESS') };
  caller = await t.world.caller();
  user = (await t.world.userOf(caller)).id;
});
afterAll(() => t.stop());
afterEach(() => {
  jest.restoreAllMocks();
});

/** A token of the service's own, for a login that is still to happen or for the caller. */
async function good(kind: Kind): Promise<string> {
  return kind === 'login token' ? t.loginToken(caller, user) : caller.token;
}

interface Outcome {
  status: number;
  id: string | undefined;
  /** The `error` attribute of the challenge. */
  error: string | undefined;
  cookies: number;
}

async function present(kind: Kind, token: string): Promise<Outcome> {
  if (++presented % 50 === 0) await forgive(t);
  const { status, body, headers } =
    kind === 'login token' ? await t.login(encodeURIComponent(token)) : await t.as({ token })('/user/self');
  return {
    status,
    id: status < 400 ? undefined : body.id,
    error: /error="(\w+)"/.exec(headers.get('www-authenticate') ?? '')?.[1],
    cookies: headers.getSetCookie().length,
  };
}

const ACCEPTED: Record<Kind, Outcome> = {
  'login token': { status: 303, id: undefined, error: undefined, cookies: 1 },
  'bearer token': { status: 200, id: undefined, error: undefined, cookies: 0 },
};
const REFUSED: Record<Kind, Outcome> = {
  'login token': { status: 401, id: 'invalid_token', error: 'invalid_token', cookies: 0 },
  'bearer token': { status: 401, id: 'not_authenticated', error: 'invalid_token', cookies: 0 },
};
const EXPIRED: Record<Kind, Outcome> = {
  'login token': { status: 410, id: 'token_expired', error: undefined, cookies: 0 },
  'bearer token': REFUSED['bearer token'],
};

/**
 * Presents what `forge` makes of a good token, and then the good one: it is accepted, so that nothing but
 * the difference between the two explains a refusal.
 */
async function presentBoth(kind: Kind, forge: (token: Jwt, text: string) => string): Promise<[Outcome, Outcome]> {
  const token = await good(kind);
  return [await present(kind, forge(decode(token), token)), await present(kind, token)];
}

function signer(kind: Kind): Signer {
  return signerOf(keys[kind].signing);
}

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

function parts(text: string): [string, string, string] {
  return text.split('.') as [string, string, string];
}

/** Stops the clock in this second, by default a little before it is over. */
function stopAt(second: number, milliseconds = 999): void {
  jest.spyOn(t.clock, 'now').mockImplementation(() => new Date(second * 1000 + milliseconds));
}

/** Presents a good token with other claims, in the second in which it was made. */
async function presentWith(kind: Kind, claims: (now: number) => Record<string, number>): Promise<Outcome> {
  const { header, payload } = decode(await good(kind));
  const now = payload.iat as number;
  stopAt(now);
  return present(kind, compact(header, { ...payload, ...claims(now) }, signer(kind)));
}

/** The same table for each kind of token. */
function forBoth<Row extends object>(rows: Row[]): (Row & { kind: Kind })[] {
  return KINDS.flatMap((kind) => rows.map((row) => ({ ...row, kind })));
}

describe('what is signed here and changed by nothing', () => {
  it.each(forBoth([{}]))('S9: a $kind that is signed anew with the right key is accepted', async ({ kind }) => {
    const { header, payload } = decode(await good(kind));
    expect(await present(kind, compact(header, payload, signer(kind)))).toEqual(ACCEPTED[kind]);
  });
});

describe('S9: what is required', () => {
  const FORMS: { form: string; of: (value: unknown) => unknown }[] = [
    { form: 'missing', of: () => undefined },
    { form: 'null', of: () => null },
    { form: 'empty', of: () => '' },
    { form: 'of another type', of: (value) => (typeof value === 'number' ? String(value) : 4711) },
    { form: 'a list', of: (value) => [value] },
    { form: 'an object', of: (value) => ({ value }) },
    { form: 'true', of: () => true },
  ];
  const inEveryForm = (
    names: string[],
  ): { kind: Kind; name: string; form: string; of: (value: unknown) => unknown }[] =>
    forBoth(names.flatMap((name) => FORMS.map(({ form, of }) => ({ name, form, of }))));

  it.each(inEveryForm(['alg', 'typ', 'kid']))(
    'S9: a $kind whose header $name is $form is refused',
    async ({ kind, name, of }) => {
      expect(
        await presentBoth(kind, ({ header, payload }) =>
          compact({ ...header, [name]: of(header[name]) }, payload, signer(kind)),
        ),
      ).toEqual([REFUSED[kind], ACCEPTED[kind]]);
    },
  );

  it.each(inEveryForm(['iss', 'aud', 'iat', 'exp', 'jti', 'sub', 'client_id']))(
    'S9: a $kind whose claim $name is $form is refused',
    async ({ kind, name, of }) => {
      expect(
        await presentBoth(kind, ({ header, payload }) =>
          compact(header, { ...payload, [name]: of(payload[name]) }, signer(kind)),
        ),
      ).toEqual([REFUSED[kind], ACCEPTED[kind]]);
    },
  );

  it.each(
    forBoth(
      ['exp', 'iat'].flatMap((name) =>
        ['1e400', '-1e400', '9007199254740993', '1.5', '{}'].map((number) => ({ name, number })),
      ),
    ),
  )('S9: a $kind whose $name is $number is refused', async ({ kind, name, number }) => {
    const [refused] = await presentBoth(kind, ({ header, payload }) =>
      compact(
        header,
        JSON.stringify(payload).replace(`"${name}":${payload[name] as number}`, `"${name}":${number}`),
        signer(kind),
      ),
    );
    expect(refused).toEqual(REFUSED[kind]);
  });

  it.each(
    forBoth([
      { what: 'another issuer', claims: { iss: 'https://other.example' } },
      { what: 'the issuer with a slash', claims: { iss: `${PUBLIC_URL}/` } },
      { what: 'the issuer in capitals', claims: { iss: PUBLIC_URL.toUpperCase() } },
      { what: 'the issuer with something behind it', claims: { iss: `${PUBLIC_URL}.evil.example` } },
      { what: 'a list of issuers', claims: { iss: [PUBLIC_URL, 'https://other.example'] } },
      { what: 'the issuer as audience', claims: { aud: PUBLIC_URL } },
      { what: 'the audience of another service', claims: { aud: 'https://other.example/login' } },
      { what: 'an audience below ours', claims: { aud: `${PUBLIC_URL}/login/api` } },
      { what: 'every audience', claims: { aud: [`${PUBLIC_URL}/login`, `${PUBLIC_URL}/api`] } },
      { what: 'a wildcard as audience', claims: { aud: '*' } },
    ]),
  )('S9: a $kind with $what is refused', async ({ kind, claims }) => {
    expect(
      await presentBoth(kind, ({ header, payload }) => compact(header, { ...payload, ...claims }, signer(kind))),
    ).toEqual([REFUSED[kind], ACCEPTED[kind]]);
  });
});

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

describe('S9: the shape', () => {
  interface Shape {
    what: string;
    forge: (token: Jwt, text: string, kind: Kind) => string;
  }
  const SHAPES: Shape[] = [
    { what: 'one word', forge: () => 'token' },
    { what: 'dots', forge: () => '..' },
    { what: 'three empty objects', forge: () => 'e30.e30.e30' },
    { what: 'a token without its header', forge: (_, text) => text.slice(text.indexOf('.')) },
    { what: 'a token without its payload', forge: (_, text) => `${parts(text)[0]}..${parts(text)[2]}` },
    { what: 'a token without its signature', forge: (_, text) => text.slice(0, text.lastIndexOf('.') + 1) },
    { what: 'a token without its signature and the dot', forge: (_, text) => text.slice(0, text.lastIndexOf('.')) },
    { what: 'half a token', forge: (_, text) => text.slice(0, text.length / 2) },
    { what: 'a token twice', forge: (_, text) => `${text}.${text}` },
    { what: 'a token with a fourth part', forge: (_, text) => `${text}.e30` },
    { what: 'a token with five parts', forge: (_, text) => `${text}.e30.e30` },
    { what: 'a token with a dot behind it', forge: (_, text) => `${text}.` },
    { what: 'a token with padding behind it', forge: (_, text) => `${text}=` },
    { what: 'a token with a character of another alphabet', forge: (_, text) => `${text.slice(0, -4)}+/+/` },
    { what: 'a token in quotes', forge: (_, text) => `"${text}"` },
    { what: 'a token with a space inside', forge: (_, text) => text.replace('.', ' .') },
    { what: 'a header that is not JSON', forge: ({ payload }, _, kind) => compact('alg=HS256', payload, signer(kind)) },
    {
      what: 'a header that is half of one',
      forge: ({ header, payload }, _, kind) => compact(JSON.stringify(header).slice(0, -1), payload, signer(kind)),
    },
    { what: 'an empty header', forge: ({ payload }, _, kind) => compact({}, payload, signer(kind)) },
    { what: 'a header in a list', forge: ({ header, payload }, _, kind) => compact([header], payload, signer(kind)) },
    {
      what: 'a list of names and values as header',
      forge: ({ header, payload }, _, kind) => compact(Object.entries(header), payload, signer(kind)),
    },
    { what: 'null as header', forge: ({ payload }, _, kind) => compact('null', payload, signer(kind)) },
    { what: 'a number as header', forge: ({ payload }, _, kind) => compact('1', payload, signer(kind)) },
    {
      what: 'a text as header',
      forge: ({ header, payload }, _, kind) => compact(JSON.stringify(JSON.stringify(header)), payload, signer(kind)),
    },
    {
      what: 'a header behind a byte order mark',
      forge: ({ header, payload }, _, kind) => compact(`\ufeff${JSON.stringify(header)}`, payload, signer(kind)),
    },
    { what: 'a payload that is not JSON', forge: ({ header }, _, kind) => compact(header, 'sub=1', signer(kind)) },
    { what: 'an empty payload', forge: ({ header }, _, kind) => compact(header, {}, signer(kind)) },
    { what: 'null as payload', forge: ({ header }, _, kind) => compact(header, 'null', signer(kind)) },
    { what: 'a number as payload', forge: ({ header }, _, kind) => compact(header, '1', signer(kind)) },
    { what: 'a payload in a list', forge: ({ header, payload }, _, kind) => compact(header, [payload], signer(kind)) },
    {
      what: 'a text as payload',
      forge: ({ header, payload }, _, kind) => compact(header, JSON.stringify(JSON.stringify(payload)), signer(kind)),
    },
    {
      what: 'more than 4096 characters',
      forge: ({ header, payload }, _, kind) => compact(header, { ...payload, more: 'x'.repeat(4_096) }, signer(kind)),
    },
    {
      what: 'the JSON serialization of a JWS',
      forge: (_, text) =>
        JSON.stringify({ protected: parts(text)[0], payload: parts(text)[1], signature: parts(text)[2] }),
    },
  ];

  it.each(forBoth(SHAPES))('S9: a $kind that is $what is refused', async ({ kind, forge }) => {
    expect(await presentBoth(kind, (token, text) => forge(token, text, kind))).toEqual([REFUSED[kind], ACCEPTED[kind]]);
  });

  it.each<{ what: string; around: (text: string) => string }>([
    { what: 'empty', around: () => '' },
    { what: 'a space', around: () => ' ' },
    { what: 'a line break', around: () => '\r\n' },
    { what: 'a good one behind a space', around: (text) => ` ${text}` },
    { what: 'a good one before a space', around: (text) => `${text} ` },
    { what: 'a good one before a line break', around: (text) => `${text}\n` },
    { what: 'a good one behind the scheme', around: (text) => `Bearer ${text}` },
    { what: 'a good one before a soft hyphen', around: (text) => `${text}\u00ad` },
    { what: 'a good one in wide letters', around: (text) => text.replaceAll('e', '\uff45') },
  ])('S9: a login token that is $what is refused', async ({ around }) => {
    expect(await presentBoth('login token', (_, text) => around(text))).toEqual([
      REFUSED['login token'],
      ACCEPTED['login token'],
    ]);
  });

  it.each<{ what: string; around: (text: string) => string }>([
    { what: 'NUL', around: () => '\0' },
    { what: 'a good one before NUL', around: (text) => `${text}\0` },
  ])('S9: a login token that is $what is no text, and refused', async ({ around }) => {
    const [refused, accepted] = await presentBoth('login token', (_, text) => around(text));
    expect(refused).toEqual({ status: 400, id: 'invalid_request', error: undefined, cookies: 0 });
    expect(accepted).toEqual(ACCEPTED['login token']);
  });

  it.each([
    { what: 'two tokens', credentials: (token: string) => `Bearer ${token} ${token}` },
    { what: 'a token and a comma', credentials: (token: string) => `Bearer ${token},` },
    { what: 'a token as a parameter', credentials: (token: string) => `Bearer token="${token}"` },
    { what: 'the scheme twice', credentials: (token: string) => `Bearer Bearer ${token}` },
  ])('S9: $what behind the scheme are refused as a wrong token', async ({ credentials }) => {
    const { status, body, headers } = await t.call('/api/2.1.1/user/self', {
      headers: { authorization: credentials(caller.token) },
    });
    expect({ status, id: body.id }).toEqual({ status: 401, id: 'not_authenticated' });
    expect(headers.get('www-authenticate')).toContain('error="invalid_token"');
  });

  it.each([
    { what: 'nothing', authorization: () => '' },
    { what: 'the scheme alone', authorization: () => 'Bearer' },
    { what: 'the scheme and spaces', authorization: () => 'Bearer   ' },
    { what: 'a token without a scheme', authorization: (token: string) => token },
    { what: 'a token under another scheme', authorization: (token: string) => `Token ${token}` },
    {
      what: 'a token as a password',
      authorization: (token: string) => `Basic ${Buffer.from(`:${token}`).toString('base64')}`,
    },
    { what: 'a token without a space before it', authorization: (token: string) => `Bearer${token}` },
  ])('S9: $what in the header is no credential', async ({ authorization }) => {
    const { status, body, headers } = await t.call('/api/2.1.1/user/self', {
      headers: { authorization: authorization(caller.token) },
    });
    expect({ status, id: body.id, challenge: headers.get('www-authenticate') }).toEqual({
      status: 401,
      id: 'not_authenticated',
      challenge: 'Bearer realm="latchkey"',
    });
  });
});

describe('S11: the kinds', () => {
  const TYPES: Record<Kind, string> = { 'login token': 'login+jwt', 'bearer token': 'at+jwt' };
  const AUDIENCES: Record<Kind, string> = { 'login token': `${PUBLIC_URL}/login`, 'bearer token': `${PUBLIC_URL}/api` };

  const MIXTURES = KINDS.flatMap((door) =>
    KINDS.flatMap((key) => KINDS.flatMap((typ) => KINDS.map((aud) => ({ door, key, typ, aud })))),
  );

  it.each(MIXTURES)(
    'S11: with the key of a $key, the type of a $typ and the audience of a $aud, only three of one kind count as a $door',
    async ({ door, key, typ, aud }) => {
      const { payload } = decode(await good(door));
      const { alg } = decode(await good(key)).header;
      const token = compact(
        { alg, typ: TYPES[typ], kid: keys[key].kid },
        { ...payload, aud: AUDIENCES[aud] },
        signer(key),
      );
      expect(await present(door, token)).toEqual(
        [key, typ, aud].every((one) => one === door) ? ACCEPTED[door] : REFUSED[door],
      );
    },
  );

  it.each(
    forBoth(
      [
        'JWT',
        'jwt',
        'LOGIN+JWT',
        'AT+JWT',
        'application/at+jwt',
        'application/login+jwt',
        'refresh+jwt',
        'rt+jwt',
        'id_token',
        'secevent+jwt',
        'client-authentication+jwt',
        'at+jwt ',
        ' login+jwt',
      ].map((typ) => ({ typ })),
    ),
  )('S11: a $kind of the type "$typ" is refused', async ({ kind, typ }) => {
    expect(
      await presentBoth(kind, ({ header, payload }) => compact({ ...header, typ }, payload, signer(kind))),
    ).toEqual([REFUSED[kind], ACCEPTED[kind]]);
  });

  it('S11: a login token opens no API route, and is not consumed by the attempt', async () => {
    const token = await good('login token');
    for (const path of [
      `/access/${user}`,
      '/user',
      '/user/self',
      `/user/${user}`,
      '/organization',
      '/organization/self',
    ]) {
      for (const scheme of ['Bearer', 'OAuth']) {
        const { status, body } = await t.as({ token })(path, { headers: { authorization: `${scheme} ${token}` } });
        expect({ path, scheme, status, id: body.id }).toEqual({ path, scheme, status: 401, id: 'not_authenticated' });
      }
    }
    expect(await present('login token', token)).toEqual(ACCEPTED['login token']);
  });

  it.each(['token', 'oauth_token'])('S11: a bearer token signs nobody in as %s', async (name) => {
    const { status, body, headers } = await t.call(`/login?${name}=${caller.token}`, {
      headers: { accept: 'application/json' },
    });
    expect({ status, id: body.id, cookies: headers.getSetCookie() }).toEqual({
      status: 401,
      id: 'invalid_token',
      cookies: [],
    });
  });
});

describe('S12: the clock', () => {
  it.each([
    { end: '60 s ago', seconds: -60, outcome: EXPIRED['bearer token'] },
    { end: '59 s ago', seconds: -59, outcome: ACCEPTED['bearer token'] },
    { end: 'now', seconds: 0, outcome: ACCEPTED['bearer token'] },
  ])('S12: a bearer token that ended $end is answered with $outcome.status', async ({ seconds, outcome }) => {
    expect(await presentWith('bearer token', (now) => ({ exp: now + seconds }))).toEqual(outcome);
  });

  it.each([
    { end: '60 s ago', seconds: -60, outcome: EXPIRED['login token'] },
    { end: '1 s ago', seconds: -1, outcome: EXPIRED['login token'] },
    { end: 'now', seconds: 0, outcome: EXPIRED['login token'] },
    { end: 'in a second', seconds: 1, outcome: ACCEPTED['login token'] },
  ])('S12: a login token that ends $end is answered with $outcome.status', async ({ seconds, outcome }) => {
    expect(await presentWith('login token', (now) => ({ exp: now + seconds }))).toEqual(outcome);
  });

  it.each([
    { kind: 'login token' as const, seconds: 60, outcome: ACCEPTED },
    { kind: 'login token' as const, seconds: 61, outcome: REFUSED },
    { kind: 'login token' as const, seconds: 3_600, outcome: REFUSED },
    { kind: 'bearer token' as const, seconds: 60, outcome: ACCEPTED },
    { kind: 'bearer token' as const, seconds: 61, outcome: REFUSED },
    { kind: 'bearer token' as const, seconds: 3_600, outcome: REFUSED },
  ])('S12: a $kind made $seconds s in the future is answered as it is', async ({ kind, seconds, outcome }) => {
    expect(await presentWith(kind, (now) => ({ iat: now + seconds, exp: now + 7_200 }))).toEqual(outcome[kind]);
  });

  it('S12: a bearer token that was accepted before is refused from 60 s after its end on', async () => {
    const { exp } = decode(caller.token).payload as { exp: number };
    const answers = [];
    for (const second of [exp - 1, exp, exp + 59, exp + 60, exp + 61, exp + 59]) {
      stopAt(second);
      answers.push((await t.as(caller)('/user/self')).status);
    }
    expect(answers).toEqual([200, 200, 200, 401, 401, 200]);
  });

  it('S12: a login token works to the last moment before its end and not at its end', async () => {
    const [first, second] = [await good('login token'), await good('login token')];
    stopAt((decode(first).payload.exp as number) - 1);
    expect(await present('login token', first)).toEqual(ACCEPTED['login token']);
    stopAt(decode(second).payload.exp as number, 0);
    expect(await present('login token', second)).toEqual(EXPIRED['login token']);
  });

  it('S12: a login token that says a later end than its record has ended with the record', async () => {
    const token = await good('login token');
    const { header, payload } = decode(token);
    const forged = compact(header, { ...payload, exp: (payload.exp as number) + 60 }, signer('login token'));
    stopAt(payload.exp as number);
    expect(await present('login token', forged)).toEqual(EXPIRED['login token']);
    stopAt((payload.exp as number) - 1);
    expect(await present('login token', forged)).toEqual(ACCEPTED['login token']);
  });

  it('S12: an expired login token leaves its record alone', async () => {
    const token = await good('login token');
    const { jti, exp } = decode(token).payload as { jti: string; exp: number };
    const find = (): Promise<LoginToken | null> => t.world.write((db) => db.findOneBy(LoginToken, { id: jti }));
    const before = await find();
    stopAt(exp);
    expect(await present('login token', token)).toEqual(EXPIRED['login token']);
    expect(before).toMatchObject({ id: jti });
    expect(await find()).toEqual(before);
  });
});
