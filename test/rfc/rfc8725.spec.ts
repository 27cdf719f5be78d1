import { createHmac, createSign, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CompactEncrypt } from 'jose';
import { KeyRing } from '../../src/tokens/key-ring.js';
import { ServiceAccountKey } from '../../src/schema/entities/service-account-key.entity.js';
import { DomainError } from '../../src/common/errors/errors.js';
import { readPublicKey } from '../../src/tokens/public-keys.js';
import { TestApp } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { compact, decode, forgetFailedAttempts, signerOf, unsigned } from '../support/forge.js';
import type { Jwt, Signer } from '../support/forge.js';
import { assertionOf, JWT_BEARER, newScene, requestToken } from '../support/oauth.js';
import type { Scene } from '../support/oauth.js';
import type { TestCaller } from '../support/world.js';

/** The three kinds of JWT that somebody can present here. */
const KINDS = ['login token', 'access token', 'assertion'] as const;
type Kind = (typeof KINDS)[number];

let t: TestApp;
let scene: Scene;
let caller: TestCaller;
let user: string;
/** The private key with which each kind is signed. */
let keys: Record<Kind, KeyObject>;
let publicKey: KeyObject;

beforeAll(async () => {
  t = await TestApp.start();
  scene = await newScene(t);
  caller = await t.world.caller();
  user = (await t.world.userOf(caller)).id;
  const ring = t.nest.get(KeyRing, { strict: false });
  publicKey = ring.signing('ACCESS').verifying;
  keys = {
    'login token': ring.signing('LOGIN').signing,
    'access token': ring.signing('ACCESS').signing,
    assertion: scene.account.privateKey,
  };
});
afterAll(() => t.stop());
beforeEach(() => forgetFailedAttempts(t));

function good(kind: Kind): Promise<string> {
  if (kind === 'login token') return t.loginToken(caller, user);
  return kind === 'access token' ? Promise.resolve(caller.token) : assertionOf(t, scene.account);
}

function present(kind: Kind, token: string): Promise<Answer> {
  if (kind === 'login token') return t.login(encodeURIComponent(token));
  if (kind === 'access token') return t.as({ token })('/user');
  const client = { id: scene.account.clientId, secret: '' };
  return requestToken(t.url, { grant_type: JWT_BEARER, assertion: token }, client);
}

const ACCEPTED: Record<Kind, number> = { 'login token': 303, 'access token': 200, assertion: 200 };
const REFUSED: Record<Kind, [number, string]> = {
  'login token': [401, 'invalid_token'],
  'access token': [401, 'not_authenticated'],
  assertion: [400, 'invalid_grant'],
};

/**
 * The kinds of which something else than a refusal came of what `forge` made of a good one, or of which the good one is
 * not accepted after that.
 */
async function exceptions(
  forge: (jwt: Jwt, text: string, kind: Kind) => string,
  kinds: readonly Kind[] = KINDS,
): Promise<unknown[]> {
  const found: unknown[] = [];
  for (const kind of kinds) {
    const text = await good(kind);
    const { status, body } = await present(kind, forge(decode(text), text, kind));
    const accepted = (await present(kind, text)).status;
    const [refused, id] = REFUSED[kind];
    if (status !== refused || body?.id !== id || accepted !== ACCEPTED[kind])
      found.push([kind, status, body, accepted]);
  }
  return found;
}

function signer(kind: Kind): Signer {
  return signerOf(keys[kind]);
}

function withClaims(claims: Record<string, unknown>): (jwt: Jwt, text: string, kind: Kind) => string {
  return ({ header, payload }, _text, kind) => compact(header, { ...payload, ...claims }, signer(kind));
}

function withHeader(more: Record<string, unknown>): (jwt: Jwt, text: string, kind: Kind) => string {
  return ({ header, payload }, _text, kind) => compact({ ...header, ...more }, payload, signer(kind));
}

describe('RFC 8725, section 3.1: perform algorithm verification', () => {
  it.each(['RS256', 'ES384', 'HS384', 'EdDSA', 'es256', ''])('refuses alg %j, which is not the key’s', async (alg) => {
    expect(await exceptions(withHeader({ alg }))).toEqual([]);
  });

  it('refuses alg confusion: HS256 with the public key as the secret', async () => {
    const pem = publicKey.export({ type: 'spki', format: 'pem' });
    const { jwk } = await t.world.write((db) => db.findOneByOrFail(ServiceAccountKey, { id: scene.account.keyId }));
    for (const secret of [pem, publicKey.export({ type: 'spki', format: 'der' }), jwk])
      expect(
        await exceptions(
          ({ header, payload }) =>
            compact({ ...header, alg: 'HS256' }, payload, (text) =>
              createHmac('sha256', secret).update(text).digest('base64url'),
            ),
          ['access token', 'assertion'],
        ),
      ).toEqual([]);
  });
});

describe('RFC 8725, section 3.2: use appropriate algorithms', () => {
  it.each(['none', 'None', 'NONE', 'nOnE'])('refuses alg %s', async (alg) => {
    expect(await exceptions(({ header, payload }) => compact({ ...header, alg }, payload, unsigned))).toEqual([]);
    expect(
      await exceptions(({ header, payload }, _text, kind) => compact({ ...header, alg }, payload, signer(kind))),
    ).toEqual([]);
  });

  it('refuses SHA-1', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    expect(
      await exceptions(({ header, payload }) =>
        compact({ ...header, alg: 'RS1' }, payload, (text) =>
          createSign('sha1').update(text).sign(privateKey, 'base64url'),
        ),
      ),
    ).toEqual([]);
  });
});

describe('RFC 8725, section 3.3: validate all cryptographic operations', () => {
  it('refuses a token of which anything was changed', async () => {
    expect(
      await exceptions(({ header, payload }, text) =>
        compact(header, { ...payload, more: 1 }, () => text.split('.')[2]!),
      ),
    ).toEqual([]);
    expect(
      await exceptions(({ header, payload }, text) =>
        compact(JSON.stringify(header, null, 1), payload, () => text.split('.')[2]!),
      ),
    ).toEqual([]);
    expect(await exceptions((_jwt, text) => `${text.slice(0, -6)}AAAAAA`)).toEqual([]);
  });

  it('refuses a token that is inside another one', async () => {
    expect(
      await exceptions(({ header }, text, kind) => compact({ ...header, cty: 'JWT' }, text, signer(kind))),
    ).toEqual([]);
  });
});

describe('RFC 8725, section 3.4: validate cryptographic inputs', () => {
  it('takes no public key whose point is not on its curve', async () => {
    const jwk = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
    expect(() => readPublicKey(JSON.stringify({ ...jwk, y: jwk.x }))).toThrow(DomainError);
  });

  it('refuses a signature of zeros (CVE-2022-21449)', async () => {
    const zeros = Buffer.alloc(64).toString('base64url');
    expect(
      await exceptions(({ header, payload }) => compact(header, payload, () => zeros), ['access token', 'assertion']),
    ).toEqual([]);
  });
});

describe('RFC 8725, section 3.5: ensure that keys have sufficient entropy', () => {
  it('signs with 256 bits, and takes no short RSA key', async () => {
    expect(keys['login token'].symmetricKeySize).toBe(32);
    expect(keys['access token'].asymmetricKeyDetails).toMatchObject({ namedCurve: 'prime256v1' });
    const { publicKey: short } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const pem = short.export({ type: 'spki', format: 'pem' }).toString();
    expect(() => readPublicKey(pem)).toThrow(DomainError);
  });

  it('refuses what is signed with a password that somebody would guess', async () => {
    for (const secret of ['secret', '', 'k7Qm2vXz9RtLw4NsYb8HcJ3fDg6PaE1u'])
      expect(
        await exceptions(
          ({ header, payload }) =>
            compact(header, payload, (text) => createHmac('sha256', secret).update(text).digest('base64url')),
          ['login token'],
        ),
      ).toEqual([]);
  });
});

describe('RFC 8725, section 3.6: avoid compression of encryption inputs', () => {
  it('reads nothing that is compressed, and nothing that is encrypted', async () => {
    expect(
      await exceptions(({ header, payload }, _text, kind) => {
        const zipped = deflateRawSync(JSON.stringify(payload)).toString('base64url');
        const head = Buffer.from(JSON.stringify({ ...header, zip: 'DEF' })).toString('base64url');
        return `${head}.${zipped}.${signer(kind)(`${head}.${zipped}`)}`;
      }),
    ).toEqual([]);
    const jwe = await new CompactEncrypt(Buffer.from(JSON.stringify(decode(caller.token).payload)))
      .setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM' })
      .encrypt(publicKey);
    expect(await exceptions(() => jwe)).toEqual([]);
  });
});

describe('RFC 8725, section 3.7: use UTF-8', () => {
  it('refuses what is in another encoding', async () => {
    expect(
      await exceptions(({ header, payload }, _text, kind) => {
        const utf16 = Buffer.from(JSON.stringify(payload), 'utf16le').toString('base64url');
        const head = Buffer.from(JSON.stringify(header)).toString('base64url');
        return `${head}.${utf16}.${signer(kind)(`${head}.${utf16}`)}`;
      }),
    ).toEqual([]);
  });
});

describe('RFC 8725, section 3.8: validate issuer and subject', () => {
  it.each(['http://latchkey.test/', 'https://latchkey.test', 'http://evil.example', '\u0000', '', undefined])(
    'refuses the issuer %j',
    async (iss) => {
      expect(await exceptions(withClaims({ iss }))).toEqual([]);
    },
  );

  it.each(['', undefined, 4711, ['a']])('refuses the subject %j', async (sub) => {
    expect(await exceptions(withClaims({ sub }))).toEqual([]);
  });

  it.each(['\u0000', "' OR '1'='1", 'x'.repeat(300)])(
    'refuses the subject %.40j, which others may sign',
    async (sub) => {
      expect(await exceptions(withClaims({ sub }), ['assertion'])).toEqual([]);
    },
  );

  it('refuses an issuer with the key of another one', async () => {
    const other = (await newScene(t)).account;
    expect(await exceptions(withClaims({ iss: other.id, sub: other.id }), ['assertion'])).toEqual([]);
  });
});

describe('RFC 8725, section 3.9: use and validate audience', () => {
  it.each(['http://latchkey.test/else', 'http://latchkey.test/api/', 'https://else.example', '', undefined])(
    'refuses the audience %j',
    async (aud) => {
      expect(await exceptions(withClaims({ aud }))).toEqual([]);
    },
  );
});

describe('RFC 8725, section 3.10: do not trust received claims', () => {
  it.each([
    '../../../../dev/null',
    '/etc/passwd',
    `' OR '1'='1`,
    `x' UNION SELECT '{"kty":"oct","k":"AA"}' --`,
    '$(id)',
    'http://evil.example/key',
    '__proto__',
    'constructor',
    '',
    '\u0000',
    'x'.repeat(2000),
  ])('kid injection: refuses the kid %.40j', async (kid) => {
    expect(await exceptions(withHeader({ kid }))).toEqual([]);
  });

  it.each([
    ['jwk', { kty: 'oct', k: 'AA' }],
    ['jku', 'http://127.0.0.1:1/keys'],
    ['x5u', 'http://127.0.0.1:1/cert'],
    ['x5c', ['AA']],
    ['crit', ['b64']],
    ['b64', false],
  ])('refuses a header with %s', async (name, value) => {
    expect(await exceptions(withHeader({ [name]: value }))).toEqual([]);
  });

  it('embedded jwk: refuses a token that is signed with the key that it brings', async () => {
    const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = own.publicKey.export({ format: 'jwk' });
    for (const kid of [undefined, 'mine'])
      expect(
        await exceptions(({ header, payload }) =>
          compact({ ...header, alg: 'ES256', kid: kid ?? header.kid, jwk }, payload, signerOf(own.privateKey)),
        ),
      ).toEqual([]);
  });
});

describe('RFC 8725, section 3.11: use explicit typing', () => {
  it.each(['JWT', 'at+jwt', 'login+jwt', 'jwt', 'AT+JWT', undefined])(
    'takes each kind under its own type only, not %j',
    async (typ) => {
      const kinds = (['login token', 'access token'] as const).filter(
        (kind) => typ !== { 'login token': 'login+jwt', 'access token': 'at+jwt' }[kind],
      );
      expect(await exceptions(withHeader({ typ }), kinds)).toEqual([]);
    },
  );
});

describe('RFC 8725, section 3.12: use mutually exclusive validation rules for different kinds of JWTs', () => {
  it.each(KINDS.flatMap((kind) => KINDS.filter((other) => other !== kind).map((other) => ({ kind, other }))))(
    'cross-kind: refuses as $kind a good $other',
    async ({ kind, other }) => {
      const token = await good(other);
      const { status, body } = await present(kind, token);
      expect([status, body?.id]).toEqual(REFUSED[kind]);
      // It was not used up by the attempt.
      expect((await present(other, token)).status).toBe(ACCEPTED[other]);
    },
  );
});
