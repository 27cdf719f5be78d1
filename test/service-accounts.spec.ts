import { isUtf8 } from 'node:buffer';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { importPKCS8, SignJWT } from 'jose';
import { newId } from '../src/common/id.js';
import { Client } from '../src/schema/entities/client.entity.js';
import { ServiceAccountKey } from '../src/schema/entities/service-account-key.entity.js';
import { MAX_KEYS } from '../src/service-accounts/service-account-keys.service.js';
import type { Permission } from '../src/schema/entities/account-permission.entity.js';
import { cookieOf, outcome, PUBLIC_URL, TestApp } from './support/app.js';
import type { Answer } from './support/app.js';
import { JWT_BEARER, requestToken } from './support/oauth.js';
import { keyFiles } from './support/public-keys.js';
import type { TestCaller } from './support/world.js';

const ADMINISTRATOR: Permission[] = [
  'OBTAIN_ACCESS_TOKENS',
  'CREATE_GROUPS',
  'MANAGE_STAFF',
  'MANAGE_USERS',
  'MANAGE_SERVICE_ACCOUNTS',
];

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

/** What a service account is wherever a user is shown: strict clients know the types USER and ORGANIZATION only. */
const ACCOUNT = { type: 'USER', serviceAccount: true } as const;

let t: TestApp;
let admin: TestCaller;

beforeAll(async () => {
  t = await TestApp.start();
  admin = await t.world.caller({ permissions: ADMINISTRATOR });
});
afterAll(() => t.stop());

function pemOf(pair: { publicKey: { export: (options: { type: 'spki'; format: 'pem' }) => string | Buffer } }): string {
  return pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
}

async function newAccount(caller = admin): Promise<{ id: string; clientId: string }> {
  const { status, body } = await t.send(caller, 'POST', '/service-accounts', { name: 'Portal' });
  expect(status).toBe(200);
  return body;
}

async function newKeyPair(id: string, caller = admin): Promise<{ kid: string; privateKey: string }> {
  const { status, body } = await t.send(caller, 'POST', `/service-account/${id}/key-pairs`);
  expect(status).toBe(200);
  return body;
}

function addKey(id: string, publicKey: string, caller = admin): Promise<Answer> {
  return t.send(caller, 'POST', `/service-account/${id}/keys`, { publicKey });
}

/** What the token endpoint says to an assertion of the account, for itself or for `sub`. */
async function ask(
  id: string,
  { kid, privateKey }: { kid: string; privateKey: string },
  { sub = id, ...more }: Record<string, string> = {},
): Promise<Answer> {
  const assertion = await new SignJWT({ jti: newId() })
    .setProtectedHeader({ alg: 'ES256', kid })
    .setIssuer(id)
    .setSubject(sub)
    .setAudience(`${PUBLIC_URL}/oauth/token`)
    .setExpirationTime('5m')
    .sign(await importPKCS8(privateKey, 'ES256'));
  return requestToken(t.url, { grant_type: JWT_BEARER, assertion, ...more });
}

/** Waits until an access token is refused, two seconds at most. */
async function expectRefused(token: string): Promise<void> {
  const end = Date.now() + 2000;
  while ((await t.as({ token })('/user')).status !== 401) {
    expect(Date.now()).toBeLessThan(end);
    await setTimeout(50);
  }
}

describe('a service account', () => {
  it('gets rights as any staff does, and lets a user in with nothing but its key', async () => {
    const { id } = await newAccount();
    const keys = await newKeyPair(id);
    const { id: userId, groupId } = await t.world.userOf(admin);
    const granted = await t.send(admin, 'PUT', `/user/${id}/permissions/OBTAIN_ACCESS_TOKENS`);
    expect(granted.body).toEqual({ permissions: ['OBTAIN_ACCESS_TOKENS'] });
    expect((await t.as(admin)(`/user/${id}/permissions`)).body).toEqual(granted.body);
    const allowed = await t.send(admin, 'PUT', `/group/${groupId}/staff/${id}/MANAGE`);
    expect(allowed.body).toMatchObject({ permission: 'MANAGE', user: { ...ACCOUNT, id, name: 'Portal' } });

    const { status, body } = await ask(id, keys, { sub: userId, resource: `${PUBLIC_URL}/login` });
    expect({ status, type: body.token_type }).toEqual({ status: 200, type: 'Bearer' });
    expect((await t.login(body.access_token)).status).toBe(303);

    expect((await t.send(admin, 'DELETE', `/group/${groupId}/staff/${id}/MANAGE`)).status).toBe(200);
    const refused = await ask(id, keys, { sub: userId, resource: `${PUBLIC_URL}/login` });
    expect({ status: refused.status, error: refused.body.error }).toEqual({ status: 400, error: 'invalid_grant' });
  });

  it('is shown to who may administer it, in cursor pages', async () => {
    const { organizationId, ...caller } = await t.world.caller({ permissions: ['MANAGE_SERVICE_ACCOUNTS'] });
    const ids: string[] = [];
    for (let i = 0; i < 3; i++) ids.push((await newAccount({ organizationId, ...caller })).id);
    const one = await t.as(caller)(`/service-account/${ids[0]}`);
    expect(one).toMatchObject({ status: 200 });
    expect(one.body).toEqual({
      type: 'SERVICE_ACCOUNT',
      id: ids[0],
      name: 'Portal',
      status: 'ACTIVE',
      clientId: expect.stringMatching(/^[\da-f]{32}$/),
      organization: { type: 'ORGANIZATION', id: organizationId, name: 'Academy' },
      created: expect.any(String),
    });
    const first = (await t.as(caller)('/service-accounts?resultSize=2')).body;
    expect(first.pagination).toEqual({ total: 3, lastOnPage: expect.any(String), moreAvailable: true });
    const rest = (await t.as(caller)(`/service-accounts?resultFrom=${first.pagination.lastOnPage}`)).body;
    expect(rest.pagination.moreAvailable).toBe(false);
    const listed = [...first.serviceAccounts, ...rest.serviceAccounts] as { id: string }[];
    expect(listed.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
    expect(listed).toContainEqual(one.body);
  });

  it('is on the staff as what it is, but no person that a search for people finds', async () => {
    const caller = await t.world.caller({ permissions: ADMINISTRATOR });
    const { id } = await newAccount(caller);
    expect((await t.as(caller)(`/user/${id}`)).body).toMatchObject({ ...ACCOUNT, id, status: 'ACTIVE' });
    for (const base of ['/api/2', '/api/2.1', '/api/2.1.1']) {
      const headers = { authorization: `Bearer ${caller.token}` };
      const { body } = await t.call(`${base}/organization/self/staff`, { headers });
      expect(body.total).toBe(2);
      expect(body.users).toContainEqual(expect.objectContaining({ ...ACCOUNT, id, name: 'Portal' }));
      const person = body.users.find((user: { id: string }) => user.id === caller.id);
      expect(Object.keys(person)).not.toContain('serviceAccount');
    }
    expect((await t.send(caller, 'PUT', `/user/${id}`, { name: 'Portal two' })).status).toBe(200);
    for (const query of ['', '?query=portal'])
      expect((await t.as(caller)(`/organizations/self/accounts${query}`)).body.accounts).not.toContainEqual(
        expect.objectContaining({ id }),
      );
    const groupId = await t.world.group(caller.organizationId);
    await t.world.allow(id, groupId, 'VIEW');
    await t.world.allow(caller.id, groupId, 'MANAGE');
    const staff = await t.as(caller)(`/group/${groupId}/staff?query=portal`);
    expect(staff.body.groupStaffUsers).toEqual([
      expect.objectContaining({ permission: 'VIEW', user: expect.objectContaining({ ...ACCOUNT, id }) }),
    ]);
  });

  it('is blocked by its status, and refused within two seconds', async () => {
    const { id } = await newAccount();
    const keys = await newKeyPair(id);
    const { access_token: token } = (await ask(id, keys)).body;
    expect((await t.as({ token })('/user')).body).toMatchObject({ ...ACCOUNT, id });
    const blocked = await t.send(admin, 'PUT', `/user/${id}`, { status: 'BLOCKED' });
    expect(blocked).toMatchObject({ status: 200, body: { ...ACCOUNT, status: 'BLOCKED' } });
    expect((await ask(id, keys)).status).toBe(400);
    await expectRefused(token);
    expect((await t.send(admin, 'PUT', `/user/${id}`, { status: 'ACTIVE' })).status).toBe(200);
    expect((await ask(id, keys)).status).toBe(200);
  });

  it('has no e-mail address, no third-party ID and no place in a group', async () => {
    const { id } = await newAccount();
    const code = await t.world.thirdParty(admin.organizationId);
    const { groupId } = await t.world.userOf(admin);
    for (const fields of [{ emailAddress: 'portal@academy.example' }, { thirdParty: code, thirdPartyId: '1' }])
      expect(outcome(await t.send(admin, 'PUT', `/user/${id}`, fields as never))).toEqual([403, 'no_access']);
    expect(outcome(await t.send(admin, 'PUT', `/user/${id}/third-party-id/${code}/1`))).toEqual([403, 'no_access']);
    expect(outcome(await t.send(admin, 'PUT', `/group/${groupId}/members/${id}`))).toEqual([404, 'unknown_user']);
    expect(outcome(await t.as(admin)(`/access/${id}`))).toEqual([403, 'not_authorized']);
  });

  it('is nobody to let in, even if it were in a group', async () => {
    const { id } = await newAccount();
    const { groupId } = await t.world.userOf(admin);
    await t.world.join(id, groupId);
    expect(outcome(await t.as(admin)(`/access/${id}`))).toEqual([403, 'not_authorized']);
  });

  it('goes by its own route only, with its client, keys, tokens, and the sessions that it started', async () => {
    const { id, clientId } = await newAccount();
    const keys = await newKeyPair(id);
    const { id: userId, groupId } = await t.world.userOf(admin);
    await t.world.grant(id, 'OBTAIN_ACCESS_TOKENS');
    await t.world.allow(id, groupId, 'MANAGE');
    const { access_token: token } = (await ask(id, keys)).body;
    expect((await t.as({ token })('/user')).status).toBe(200);
    const cookie = await t.signIn({ ...admin, token }, userId);
    expect((await t.call('/session', { headers: { cookie } })).body.actor).toMatchObject({ ...ACCOUNT, id, clientId });

    expect(outcome(await t.send(admin, 'DELETE', `/user/${id}`))).toEqual([403, 'access_denied']);
    expect(outcome(await t.send(admin, 'DELETE', `/organization/self/staff/${id}`))).toEqual([
      400,
      'staff_disconnection_failed',
    ]);
    expect(outcome(await t.send(admin, 'DELETE', `/client/${clientId}`))).toEqual([400, 'client_in_use']);
    const { status, body } = await t.send(admin, 'DELETE', `/service-account/${id}`);
    expect({ status, body }).toEqual({ status: 200, body: { description: 'The service account is deleted.' } });

    expect((await t.call('/session', { headers: { cookie } })).status).toBe(401);
    expect((await ask(id, keys)).status).toBe(400);
    await expectRefused(token);
    expect(await t.world.write((db) => db.existsBy(Client, { id: clientId }))).toBe(false);
    expect(outcome(await t.as(admin)(`/service-account/${id}`))).toEqual([404, 'not_found']);
    expect(outcome(await t.send(admin, 'DELETE', `/service-account/${id}`))).toEqual([404, 'not_found']);
  });

  it.each(['', ' ', 'x'.repeat(256), 'a\u0001b'])('is not called %j', async (name) => {
    expect(outcome(await t.send(admin, 'POST', '/service-accounts', { name }))).toEqual([400, 'name_missing']);
  });
});

describe('who administers service accounts', () => {
  it('has MANAGE_SERVICE_ACCOUNTS in the same organization', async () => {
    const { id } = await newAccount();
    const { kid } = await newKeyPair(id);
    const calls = [
      ['GET', '/service-accounts'],
      ['POST', '/service-accounts'],
      ['GET', `/service-account/${id}`],
      ['DELETE', `/service-account/${id}`],
      ['GET', `/service-account/${id}/keys`],
      ['POST', `/service-account/${id}/keys`],
      ['POST', `/service-account/${id}/key-pairs`],
      ['DELETE', `/service-account/${id}/keys/${kid}`],
    ] as const;
    const fields = { name: 'N', publicKey: pemOf(generateKeyPairSync('ed25519')) };
    const { organizationId } = admin;
    const every = ADMINISTRATOR.filter((permission) => permission !== 'MANAGE_SERVICE_ACCOUNTS');
    const plain = await t.world.caller({ organizationId, permissions: every });
    const outsider = await t.world.caller({ permissions: ADMINISTRATOR });
    for (const [method, path] of calls) {
      const answer = method === 'GET' ? await t.as(plain)(path) : await t.send(plain, method, path, fields);
      expect({ method, path, is: outcome(answer) }).toEqual({ method, path, is: [403, 'not_permitted'] });
    }
    for (const [method, path] of calls.filter(([, name]) => name.includes('/service-account/'))) {
      const answer = method === 'GET' ? await t.as(outsider)(path) : await t.send(outsider, method, path, fields);
      expect({ method, path, is: outcome(answer) }).toEqual({ method, path, is: [404, 'not_found'] });
    }
    expect(outcome(await t.send(plain, 'PUT', `/user/${id}`, { status: 'BLOCKED' }))).toEqual([403, 'no_access']);
    expect((await t.as(admin)(`/service-account/${id}/keys`)).body.keys).toHaveLength(1);
  });

  it('gives it no right that they lack', async () => {
    const { id } = await newAccount();
    const { organizationId } = admin;
    const groupId = await t.world.group(organizationId);
    const outcomes = [
      await t.send(admin, 'PUT', `/user/${id}/permissions/VIEW_AUDIT_LOG`),
      await t.send(admin, 'PUT', `/group/${groupId}/staff/${id}/MANAGE`),
    ].map(outcome);
    expect(outcomes).toEqual([
      [403, 'not_permitted'],
      [403, 'not_permitted'],
    ]);
  });

  it.each<{ of: string; give: (id: string, groupId: string) => Promise<unknown>; own?: Permission[] }>([
    { of: 'a permission', give: (id) => t.world.grant(id, 'VIEW_AUDIT_LOG') },
    { of: 'every group', give: (id) => t.world.grant(id, 'MANAGE_ALL_GROUPS') },
    { of: 'MANAGE on a group', give: (id, groupId) => t.world.allow(id, groupId, 'MANAGE') },
    { of: 'VIEW on a group', give: (id, groupId) => t.world.allow(id, groupId, 'VIEW') },
  ])('gets no key to one that has more than they: $of', async ({ give }) => {
    const { id } = await newAccount();
    await give(id, await t.world.group(admin.organizationId));
    const answers = [
      await addKey(id, pemOf(generateKeyPairSync('ed25519'))),
      await t.send(admin, 'POST', `/service-account/${id}/key-pairs`),
    ];
    expect(answers.map(outcome)).toEqual(answers.map(() => [403, 'not_permitted']));
    expect((await t.as(admin)(`/service-account/${id}/keys`)).body.keys).toEqual([]);
  });

  it('gets a key to one that has no more than they', async () => {
    const { organizationId } = admin;
    const groups = await t.world.caller({
      organizationId,
      permissions: ['MANAGE_SERVICE_ACCOUNTS', 'MANAGE_ALL_GROUPS', 'OBTAIN_ACCESS_TOKENS'],
    });
    const { id } = await newAccount();
    const groupId = await t.world.group(organizationId);
    await t.world.allow(id, groupId, 'VIEW');
    await t.world.grant(id, 'OBTAIN_ACCESS_TOKENS');
    await newKeyPair(id, groups);
    await t.world.allow(admin.id, groupId, 'MANAGE');
    await newKeyPair(id);
    expect((await t.as(admin)(`/service-account/${id}/keys`)).body.pagination.total).toBe(2);
  });

  it('may be a service account, which changes its own keys and does not delete itself', async () => {
    const { id } = await newAccount();
    const keys = await newKeyPair(id);
    await t.world.grant(id, 'MANAGE_SERVICE_ACCOUNTS', 'MANAGE_STAFF');
    const { access_token: token } = (await ask(id, keys)).body;
    const itself = { ...admin, id, token };
    const next = await newKeyPair(id, itself);
    expect(outcome(await t.send(itself, 'DELETE', `/service-account/${id}`))).toEqual([400, 'cannot_delete_self']);
    expect(outcome(await t.send(itself, 'PUT', `/user/${id}/permissions/MANAGE_STAFF`))).toEqual([
      403,
      'not_permitted',
    ]);
    expect((await t.send(itself, 'DELETE', `/service-account/${id}/keys/${keys.kid}`)).status).toBe(200);
    expect((await ask(id, keys)).status).toBe(400);
    expect((await ask(id, next)).status).toBe(200);
  });

  it('does not delete the last one that can manage the staff', async () => {
    const caller = await t.world.caller({ permissions: ['MANAGE_SERVICE_ACCOUNTS'] });
    const { id } = await newAccount(caller);
    await t.world.grant(id, 'MANAGE_STAFF');
    expect(outcome(await t.send(caller, 'DELETE', `/service-account/${id}`))).toEqual([403, 'not_permitted']);
  });
});

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
