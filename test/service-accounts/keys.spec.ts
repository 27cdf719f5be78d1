import { isUtf8 } from 'node:buffer';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { newId } from '../../src/common/id.js';
import { ServiceAccountKey } from '../../src/schema/entities/service-account-key.entity.js';
import { MAX_KEYS } from '../../src/service-accounts/service-account-keys.service.js';
import { cookieOf, outcome, PUBLIC_URL } from '../support/app.js';
import { keyFiles } from '../support/public-keys.js';
import { addKey, admin, ask, expectRefused, newAccount, newKeyPair, pemOf, setUp, t } from './setup.js';

const GOOD_KEY = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
/** 1 modulo every prime up to 167, which is the power 0 of 65537. */
const SMALL_KEY = {
  kty: 'OKP',
  crv: 'Ed25519',
  x: Buffer.from([1, ...Array<number>(31).fill(0)]).toString('base64url'),
};
const ROCA_KEY = { kty: 'RSA', e: 'AQAB', n: rocaModulus().toString('base64url') };

function rocaModulus(): Buffer {
  const product = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101]
    .concat([103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167])
    .reduce((value, prime) => value * BigInt(prime), 1n);
  return Buffer.from((((1n << 2047n) / product + 1n) * product + 1n).toString(16), 'hex');
}

setUp();

describe('a key of a service account', () => {
  it.each([
    ['RSA of 2048 bits', 'RS256', () => pemOf(generateKeyPairSync('rsa', { modulusLength: 2048 }))],
    ['EC on P-256', 'ES256', () => pemOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }))],
    ['Ed25519', 'EdDSA', () => pemOf(generateKeyPairSync('ed25519'))],
    ['a JWK', 'EdDSA', () => JSON.stringify(generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }))],
  ])('may be %s', async (_title, algorithm, text) => {
    const { id } = await newAccount();
    const given = text();
    const { status, body } = await addKey(id, given);
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        kid: expect.stringMatching(/^[\w-]{22}$/),
        algorithm,
        publicKey: expect.stringContaining('BEGIN PUBLIC KEY'),
        created: expect.any(String),
      },
    });
    const key = given.startsWith('{')
      ? createPublicKey({ key: JSON.parse(given), format: 'jwk' })
      : createPublicKey(given);
    expect(createPublicKey(body.publicKey).equals(key)).toBe(true);
  });

  it('may have each form in which people have one, binary ones in base64', async () => {
    const { id } = await newAccount();
    for (const { form, file, pem } of keyFiles()) {
      const { status, body } = await addKey(id, file.toString(isUtf8(file) ? 'utf8' : 'base64'));
      expect({ form, status, publicKey: body.publicKey }).toEqual({ form, status: 200, publicKey: pem });
    }
  });

  it('may be a JWK in JSON as it is', async () => {
    const { id } = await newAccount();
    const publicKey = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
    const { status } = await t.as(admin)(`/service-account/${id}/keys`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ publicKey }),
    });
    expect(status).toBe(200);
  });

  it.each([
    ['RSA of 1024 bits', 'A key must be RSA', () => pemOf(generateKeyPairSync('rsa', { modulusLength: 1024 }))],
    [
      'RSA with the exponent 3',
      'A key must be RSA',
      () => pemOf(generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 })),
    ],
    ['RSA with the fingerprint of ROCA', 'ROCA', () => JSON.stringify(ROCA_KEY)],
    ['Ed25519 for which one signature fits everything', 'forge its', () => JSON.stringify(SMALL_KEY)],
    ['a key for encryption', 'for signatures', () => JSON.stringify({ ...GOOD_KEY, use: 'enc' })],
    ['a key with another use', 'for signatures', () => JSON.stringify({ ...GOOD_KEY, use: ['sig'] })],
    ['a key that verifies nothing', 'for signatures', () => JSON.stringify({ ...GOOD_KEY, key_ops: ['encrypt'] })],
    ['a key with malformed operations', 'for signatures', () => JSON.stringify({ ...GOOD_KEY, key_ops: 'verify' })],
    ['EC on P-384', 'A key must be RSA', () => pemOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }))],
    [
      'a private key',
      'private key',
      () => generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    ],
    [
      'a private JWK',
      'private key',
      () => JSON.stringify(generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })),
    ],
    ['a secret', 'private key', () => JSON.stringify({ kty: 'oct', k: 'AAAA' })],
    ['a JWK Set', 'not a public key', () => '{"keys":[]}'],
    ['something else', 'not a public key', () => 'something else'],
    ['nothing', 'not a public key', () => ''],
  ])('may not be %s', async (_title, message, text) => {
    const { id } = await newAccount();
    const answer = await addKey(id, text());
    expect(outcome(answer)).toEqual([400, 'invalid_public_key']);
    expect(answer.body.description).toContain(message);
    expect((await t.as(admin)(`/service-account/${id}/keys`)).body.keys).toEqual([]);
  });

  it('is made here too, and its private half is shown once', async () => {
    const { id } = await newAccount();
    const answer = await t.send(admin, 'POST', `/service-account/${id}/key-pairs`);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const { privateKey, ...shown } = answer.body;
    const listed = await t.as(admin)(`/service-account/${id}/keys`);
    expect(listed.body.keys).toEqual([shown]);
    expect(listed.text).not.toContain('PRIVATE');
    expect(createPublicKey(privateKey).equals(createPublicKey(shown.publicKey))).toBe(true);
  });

  it('is revoked for good, with the tokens that were obtained with it, and stays in the list', async () => {
    const { id } = await newAccount();
    const [keys, other] = [await newKeyPair(id), await newKeyPair(id)];
    const { access_token: token } = (await ask(id, keys)).body;
    const { access_token: kept } = (await ask(id, other)).body;
    expect((await t.as({ token })('/user')).status).toBe(200);
    const { id: user, groupId } = await t.world.userOf(admin);
    await t.world.grant(id, 'OBTAIN_ACCESS_TOKENS');
    await t.world.allow(id, groupId, 'MANAGE');
    const loginToken = async (key: typeof keys): Promise<string> =>
      (await ask(id, key, { sub: user, resource: `${PUBLIC_URL}/login` })).body.access_token;
    const cookies = [
      cookieOf(await t.login(await loginToken(keys))),
      await t.signIn({ ...admin, token }, user),
      cookieOf(await t.login(await loginToken(other))),
    ];
    const unused = await loginToken(keys);
    const path = `/service-account/${id}/keys/${keys.kid}`;
    expect(await t.send(admin, 'DELETE', path)).toMatchObject({
      status: 200,
      body: { description: 'The key is revoked.' },
    });
    expect((await ask(id, keys)).body.error).toBe('invalid_grant');
    const sessions = cookies.map(async (cookie) => (await t.call('/session', { headers: { cookie } })).status);
    expect(await Promise.all(sessions)).toEqual([401, 401, 200]);
    expect(outcome(await t.login(unused))).toEqual([401, 'invalid_token']);
    await expectRefused(token);
    expect((await t.as({ token: kept })('/user')).status).toBe(200);
    const list = async (): Promise<{ kid: string; revoked?: string }[]> =>
      (await t.as(admin)(`/service-account/${id}/keys`)).body.keys;
    const before = await list();
    expect(before.find(({ kid }) => kid === keys.kid)).toMatchObject({ revoked: expect.any(String) });
    t.clock.advance(60);
    expect((await t.send(admin, 'DELETE', path)).status).toBe(200);
    t.clock.reset();
    expect(await list()).toEqual(before);
    expect(outcome(await t.send(admin, 'DELETE', `/service-account/${id}/keys/${newId()}`))).toEqual([
      404,
      'not_found',
    ]);
    const { id: another } = await newAccount();
    expect(outcome(await t.send(admin, 'DELETE', `/service-account/${another}/keys/${other.kid}`))).toEqual([
      404,
      'not_found',
    ]);
  });

  it('ends a session whose token its revocation knew nothing of', async () => {
    const { id } = await newAccount();
    const keys = await newKeyPair(id);
    const { id: user, groupId } = await t.world.userOf(admin);
    await t.world.grant(id, 'OBTAIN_ACCESS_TOKENS');
    await t.world.allow(id, groupId, 'MANAGE');
    const { access_token: token } = (await ask(id, keys, { sub: user, resource: `${PUBLIC_URL}/login` })).body;
    const cookie = cookieOf(await t.login(token));
    const session = async (): Promise<number> => (await t.call('/session', { headers: { cookie } })).status;
    expect(await session()).toBe(200);
    // As a token that is committed, and starts its session, while the revocation is under way.
    await t.world.write((db) => db.update(ServiceAccountKey, { id: keys.kid }, { revokedAt: new Date() }));
    expect(await session()).toBe(401);
    const { body } = await t.as(admin)(`/sessions?user=${user}`);
    expect(body).toMatchObject({ sessions: [] });
  });

  it('starts nothing any more by a token of which its revocation knew nothing', async () => {
    const { id } = await newAccount();
    const keys = await newKeyPair(id);
    const { id: user, groupId } = await t.world.userOf(admin);
    await t.world.grant(id, 'OBTAIN_ACCESS_TOKENS');
    await t.world.allow(id, groupId, 'MANAGE');
    const { access_token: token } = (await ask(id, keys, { sub: user, resource: `${PUBLIC_URL}/login` })).body;
    // As a token that is committed at the same moment.
    await t.world.write((db) => db.update(ServiceAccountKey, { id: keys.kid }, { revokedAt: new Date() }));
    expect(outcome(await t.login(token))).toEqual([401, 'invalid_token']);
  });

  it(`is one of ${MAX_KEYS} at most, of which a revoked one is none`, async () => {
    const { id } = await newAccount();
    let last = '';
    for (let i = 0; i < MAX_KEYS; i++) ({ kid: last } = await newKeyPair(id));
    expect(outcome(await t.send(admin, 'POST', `/service-account/${id}/key-pairs`))).toEqual([400, 'limit_reached']);
    expect((await t.send(admin, 'DELETE', `/service-account/${id}/keys/${last}`)).status).toBe(200);
    await newKeyPair(id);
  });
});
