import { createHmac, generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createApp } from '../../src/app/setup.js';
import { newId } from '../../src/common/id.js';
import { loadSettings } from '../../src/config/settings.js';
import { ServiceAccountKey } from '../../src/schema/entities/service-account-key.entity.js';
import { AccountPermission } from '../../src/schema/entities/account-permission.entity.js';
import { User } from '../../src/schema/entities/user.entity.js';
import { PUBLIC_URL, TestApp, testEnvironment } from '../support/app.js';
import type { Answer } from '../support/app.js';
import {
  assertionOf,
  authenticationOf,
  JWT_BEARER,
  newClient,
  newKeyClient,
  newScene,
  newServiceAccount,
  REDIRECT_URI,
  requestToken,
} from '../support/oauth.js';
import type { KeyClient, Scene, TestClient } from '../support/oauth.js';
import { decode } from '../support/forge.js';

let t: TestApp;
let scene: Scene;

beforeAll(async () => {
  t = await TestApp.start();
  scene = await newScene(t);
});
afterAll(() => t.stop());

function ask(assertion: string, more: Record<string, string> = {}, client?: TestClient): Promise<Answer> {
  return requestToken(t.url, { grant_type: JWT_BEARER, assertion, ...more }, client);
}

function outcomeOf({ status, body }: Answer): unknown {
  return { status, error: body?.error, id: body?.id };
}

function encode(header: object): string {
  return Buffer.from(JSON.stringify(header)).toString('base64url');
}

const INVALID_GRANT = { status: 400, error: 'invalid_grant', id: 'invalid_grant' };
const now = () => Math.floor(Date.now() / 1000);

describe('RFC 7523, section 3: what an assertion must have', () => {
  it.each([
    ['1: an issuer', { iss: undefined }],
    ['1: the service account of the key as issuer', { iss: 'AAAAAAAAAAAAAAAAAAAAAA' }],
    ['2: a subject', { sub: undefined }],
    ['2: a subject that is a text', { sub: 7 }],
    ['2: a subject that is a reference', { sub: '$' }],
    ['2: a subject without a NUL', { sub: 'a\0@a.example' }],
    ['2: a subject that the organization manages', { sub: 'AAAAAAAAAAAAAAAAAAAAAA' }],
    ['3: an audience', { aud: undefined }],
    ['3: this server as audience', { aud: 'https://other.example/token' }],
    ['3: this server as audience, not the API', { aud: `${PUBLIC_URL}/api` }],
    ['4: an end', { exp: undefined }],
    ['4: an end in the future', { exp: now() - 61 }],
    ['4: an end within an hour', { exp: now() + 7200 }],
    ['5: a start that is not ahead', { nbf: now() + 3000 }],
    ['6: an instant of issue that is not ahead', { iat: now() + 3000 }],
    ['7: an identifier that is a text', { jti: 7 }],
    ['7: an identifier that is not empty', { jti: '' }],
    ['7: an identifier of a sane length', { jti: 'x'.repeat(256) }],
  ])('%s', async (_title, claims) => {
    const client = { id: scene.account.clientId, secret: '' };
    expect(outcomeOf(await ask(await assertionOf(t, scene.account, claims), {}, client))).toEqual(INVALID_GRANT);
  });

  it('tolerates a clock that is 60 seconds off', async () => {
    const claims = { exp: now() - 50, nbf: now() - 300, iat: now() - 300 };
    expect((await ask(await assertionOf(t, scene.account, claims))).status).toBe(200);
    expect((await ask(await assertionOf(t, scene.account, { nbf: now() + 50, iat: now() + 50 }))).status).toBe(200);
  });

  it.each(['', '/', '/oauth/token', '/daas/oauth/token', '/api/2/token', '/api/2.1/token', '/api/2.1.1/token'])(
    'takes the audience “%s” of this server',
    async (path) => {
      const aud = PUBLIC_URL + path;
      expect((await ask(await assertionOf(t, scene.account, { aud }))).status).toBe(200);
      expect((await ask(await assertionOf(t, scene.account, { aud: ['https://else.example', aud] }))).status).toBe(200);
    },
  );
});

describe('RFC 7523, section 3: what an assertion may leave out', () => {
  it('is all but aud, exp, iat, iss and sub, in a header with alg alone: each is good once', async () => {
    for (const sub of [scene.account.id, 'self']) {
      const assertion = await assertionOf(t, scene.account, { sub, jti: undefined }, { kid: undefined });
      expect((await ask(assertion)).status).toBe(200);
      expect(outcomeOf(await ask(assertion))).toEqual(INVALID_GRANT);
    }
  });

  it('7: without a jti it is good once, also with a second signature that anybody can make of the first', async () => {
    const assertion = await assertionOf(t, scene.account, { jti: undefined, nbf: now() - 7 });
    const [header, payload, signature] = assertion.split('.');
    const bytes = Buffer.from(signature!, 'base64url');
    // The order of P-256: (r, n - s) verifies as (r, s) does.
    const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    const s = order - BigInt(`0x${bytes.subarray(32).toString('hex')}`);
    const flipped = Buffer.concat([bytes.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')]);
    const second = `${header}.${payload}.${flipped.toString('base64url')}`;
    expect((await ask(assertion)).status).toBe(200);
    expect((await ask(second)).body.error_description).toBe(
      'the assertion was already used: give each assertion its own jti',
    );
  });

  it('7: without a jti it is good once for ten at once over two instances', async () => {
    const other = await createApp(loadSettings(testEnvironment()));
    await other.listen(0, '127.0.0.1');
    const urls = [t.url, await other.getUrl()];
    const assertion = await assertionOf(t, scene.account, { jti: undefined, nbf: now() - 8 }, { kid: undefined });
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) => requestToken(urls[i % 2]!, { grant_type: JWT_BEARER, assertion })),
    );
    await other.close();
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, ...Array.from({ length: 9 }, () => 400)]);
  });

  it('8: without a kid the keys of iss are tried, and no other ones, and none that is revoked', async () => {
    const [account, other] = [
      await newServiceAccount(t, scene.organizationId),
      await newServiceAccount(t, scene.organizationId),
    ];
    const { jwk } = await t.world.write((db) => db.findOneByOrFail(ServiceAccountKey, { id: other.keyId }));
    const own = { ...account, privateKey: other.privateKey };
    const withoutKid = (of: typeof account): Promise<string> => assertionOf(t, of, {}, { kid: undefined });
    expect(outcomeOf(await ask(await withoutKid(own)))).toEqual(INVALID_GRANT);
    // The second of two keys.
    const key = { id: newId(), userId: account.id, algorithm: 'ES256', jwk, revokedAt: null } as const;
    await t.world.write((db) => db.insert(ServiceAccountKey, { ...key, createdAt: new Date(0) }));
    expect((await ask(await withoutKid(own))).status).toBe(200);
    expect((await ask(await withoutKid(account))).status).toBe(200);
    await t.world.write((db) => db.update(ServiceAccountKey, { id: key.id }, { revokedAt: new Date() }));
    expect((await ask(await withoutKid(own))).body.error_description).toBe(
      'the assertion is not signed with a key of the service account in iss',
    );
  });

  it.each(['EdDSA', 'Ed25519'])('8: a key on Ed25519 verifies what says %s, by kid and without', async (alg) => {
    const account = await newServiceAccount(t, scene.organizationId);
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const jwk = JSON.stringify(publicKey.export({ format: 'jwk' }));
    await t.world.write((db) => db.update(ServiceAccountKey, { id: account.keyId }, { algorithm: 'EdDSA', jwk }));
    for (const kid of [account.keyId, undefined])
      expect((await ask(await assertionOf(t, { ...account, privateKey }, {}, { alg, kid }))).status).toBe(200);
  });
});

describe('docs/api.md, section 12.4: the subject of an assertion', () => {
  it('is a user by ID, e-mail address or third-party ID', async () => {
    const emailAddress = `${newId()}@école.example`.toLowerCase();
    const code = await t.world.thirdParty(scene.organizationId);
    const { id } = await t.world.userOf(
      { ...scene.account, token: '' },
      { emailAddress, thirdPartyId: [code, 'a/b ü'] },
    );
    for (const sub of [id, emailAddress, emailAddress.toUpperCase(), `${code}$a/b ü`]) {
      const { status, body } = await ask(await assertionOf(t, scene.account, { sub }));
      expect([sub, status]).toEqual([sub, 200]);
      expect(decode(body.access_token).payload).toMatchObject({ sub: id, act: { sub: scene.account.id } });
    }
  });

  it('S29: tells a service account without the permission nothing about who exists', async () => {
    const account = await newServiceAccount(t, scene.organizationId);
    await t.world.write((db) => db.delete(AccountPermission, { userId: account.id }));
    const emailAddress = `${newId()}@a.example`.toLowerCase();
    await t.world.user({ organizationId: scene.organizationId, emailAddress });
    const answers = [];
    for (const sub of [emailAddress, 'nobody@a.example', newId()])
      answers.push((await ask(await assertionOf(t, account, { sub }))).body);
    expect(new Set(answers.map((body) => JSON.stringify(body))).size).toBe(1);
    expect(answers[0].error_description).toMatch(/^The caller may not obtain access tokens/);
  });
});

describe('RFC 7523, section 3, rules 8 to 10: the signature', () => {
  it.each([
    [
      'the key of another service account',
      async () => ({ kid: (await newServiceAccount(t, scene.organizationId)).keyId }),
    ],
    ['an unknown key', () => ({ kid: 'AAAAAAAAAAAAAAAAAAAAAA' })],
    ['a key that is a number', () => ({ kid: 7 })],
    ['a key that is empty', () => ({ kid: '' })],
    ['a key that is a path', () => ({ kid: '../../../../dev/null' })],
    ['a key that is SQL', () => ({ kid: "' OR '1'='1" })],
    ['a key that it brings', () => ({ jwk: {} })],
    ['a key somewhere else', () => ({ jku: 'https://evil.example/keys' })],
    ['a certificate somewhere else', () => ({ x5u: 'https://evil.example/cert' })],
    ['an extension that is critical', () => ({ 'https://x.example': 1 })],
  ])('is refused with %s', async (_title, header) => {
    const assertion = await assertionOf(t, scene.account, {}, await header());
    expect(outcomeOf(await ask(assertion))).toEqual(INVALID_GRANT);
  });

  it('is refused with another algorithm than the key’s own: none, or HMAC with the public key', async () => {
    const [, payload] = (await assertionOf(t, scene.account)).split('.');
    const { keyId: kid } = scene.account;
    const none = `${encode({ alg: 'none', kid })}.${payload}.`;
    const signed = `${encode({ alg: 'HS256', kid })}.${payload}`;
    const { jwk } = await t.world.write((db) => db.findOneByOrFail(ServiceAccountKey, { id: kid }));
    const hmac = `${signed}.${createHmac('sha256', jwk).update(signed).digest('base64url')}`;
    for (const assertion of [none, hmac, `${none}x`]) expect(outcomeOf(await ask(assertion))).toEqual(INVALID_GRANT);
  });

  it('is refused with a description that says why', async () => {
    const { account } = scene;
    const [used, managed] = [
      await assertionOf(t, account),
      await t.world.user({ organizationId: scene.organizationId }),
    ];
    expect((await ask(used)).status).toBe(200);
    const cases: [assertion: string, description: string][] = [
      [used, 'the assertion was already used: each jti can be used once'],
      [
        await assertionOf(t, { ...account, keyId: newId() }),
        'the kid of the assertion is not the ID of a valid service account key',
      ],
      [await assertionOf(t, account, { exp: 1 }), "the assertion is not valid: 'exp' claim timestamp check failed"],
      [
        await assertionOf(t, account, { aud: 'https://elsewhere.example' }),
        "the assertion is not valid: unexpected 'aud' claim value",
      ],
      [
        await assertionOf(t, account, { sub: 'CODE$' }),
        'sub must be a user ID, an e-mail address or a third-party ID (CODE$ID)',
      ],
      [
        await assertionOf(t, account, { sub: 'nobody@a.example' }),
        'sub must be the service account or a user that its organization manages',
      ],
      [
        await assertionOf(t, account, { sub: managed }),
        'The user is not a member of a group that the caller administers.',
      ],
    ];
    for (const [assertion, description] of cases) {
      const { body } = await ask(assertion);
      const id = 'invalid_grant';
      expect(body).toEqual({ error: id, error_description: description, id, description });
    }
  });

  it.each([
    { of: 'no assertion', fields: {}, description: 'The parameter assertion is missing.' },
    {
      of: 'no JWT',
      fields: { assertion: 'x' },
      description: 'The iss of the assertion is not the ID of a service account.',
    },
  ])('with $of and no client is no request', async ({ fields, description }) => {
    const { status, body } = await requestToken(t.url, { grant_type: JWT_BEARER, ...(fields as object) });
    expect({ status, error: body.error, description: body.error_description }).toEqual({
      status: 400,
      error: 'invalid_request',
      description,
    });
  });

  it('is refused by another private key under the same name', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    expect(outcomeOf(await ask(await assertionOf(t, { ...scene.account, privateKey })))).toEqual(INVALID_GRANT);
  });

  it.each(['', 'x', 'a.b.c', '..', 'x'.repeat(10_000), '\u0000'])('is refused for what is no JWT: %j', async (text) => {
    expect((await ask(text)).status).toBe(400);
  });

  it('is refused once the key is revoked or the service account blocked', async () => {
    const [first, second] = [
      await newServiceAccount(t, scene.organizationId),
      await newServiceAccount(t, scene.organizationId),
    ];
    await t.world.write((db) => db.update(ServiceAccountKey, { id: first.keyId }, { revokedAt: new Date() }));
    await t.world.write((db) => db.update(User, { id: second.id }, { status: 'BLOCKED' }));
    for (const account of [first, second])
      expect(outcomeOf(await ask(await assertionOf(t, account)))).toEqual(INVALID_GRANT);
  });
});

describe('RFC 7523, section 3, rule 7: a jti is good once', () => {
  it('also for two instances at once: exactly one wins', async () => {
    const other = await createApp(loadSettings(testEnvironment()));
    await other.listen(0, '127.0.0.1');
    const urls = [t.url, await other.getUrl()];
    const assertion = await assertionOf(t, scene.account);
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) => requestToken(urls[i % 2]!, { grant_type: JWT_BEARER, assertion })),
    );
    await other.close();
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ body }) => body.error === 'invalid_grant')).toHaveLength(9);
  });
});

/** The outcome of a request with a code that does not exist: `invalid_grant` for a client that is known. */
async function authenticate(authentication: Record<string, string>, url = t.url): Promise<string> {
  const fields = { grant_type: 'authorization_code', code: 'x', redirect_uri: REDIRECT_URI };
  return (await requestToken(url, { ...fields, ...authentication })).body.error;
}

describe('RFC 7523, section 2.2: a client that authenticates with a JWT', () => {
  let client: KeyClient;
  beforeAll(async () => {
    client = await newKeyClient(t, scene.organizationId);
  });

  it.each([PUBLIC_URL, `${PUBLIC_URL}/`, `${PUBLIC_URL}/oauth/token`, `${PUBLIC_URL}/daas/oauth/token`])(
    '3: is known, with the audience %s',
    async (aud) => {
      expect(await authenticate(await authenticationOf(client, { aud }))).toBe('invalid_grant');
    },
  );

  it('12: tolerates a clock that is 60 seconds off', async () => {
    expect(await authenticate(await authenticationOf(client, { exp: now() - 50 }))).toBe('invalid_grant');
  });

  it.each([
    ['1: no issuer', { iss: undefined }],
    ['1: another issuer', { iss: '0'.repeat(32) }],
    ['2: another subject', { sub: '0'.repeat(32) }],
    ['3: no audience', { aud: undefined }],
    ['3: another audience', { aud: 'https://else.example/token' }],
    ['4: no end', { exp: undefined }],
    ['4: an end in the past', { exp: now() - 61 }],
    ['4: an end in more than an hour', { exp: now() + 7200 }],
    ['5: a start in the future', { nbf: now() + 3000 }],
    ['7: no identifier', { jti: undefined }],
  ])('3, rule %s is refused', async (_what, claims) => {
    expect(await authenticate(await authenticationOf(client, claims))).toMatch(/^invalid_(client|request)$/);
  });

  it('3, rule 9: the key of another client is refused', async () => {
    const { privateKey } = await newKeyClient(t, scene.organizationId);
    expect(await authenticate(await authenticationOf({ ...client, privateKey }))).toBe('invalid_client');
  });

  it('3, rule 7: is good once, also for two instances at once', async () => {
    const other = await createApp(loadSettings(testEnvironment()));
    await other.listen(0, '127.0.0.1');
    const urls = [t.url, await other.getUrl()];
    const authentication = await authenticationOf(client);
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, (_, i) => authenticate(authentication, urls[i % 2]!)),
    );
    await other.close();
    expect(outcomes.toSorted()).toEqual([...Array(9).fill('invalid_client'), 'invalid_grant']);
  });

  it('2.2: a client that has keys can’t use a secret instead', async () => {
    const fields = { grant_type: 'authorization_code', code: 'x', redirect_uri: REDIRECT_URI };
    for (const secret of ['x', ''])
      expect((await requestToken(t.url, fields, { id: client.id, secret })).body.error).toBe('invalid_client');
  });
});

describe('RFC 7523, section 2.1: on behalf of a user', () => {
  it('gives a token of the user that names the service account as the actor', async () => {
    const { id } = await t.world.userOf({ ...scene.account, token: '' });
    const { status, body } = await ask(await assertionOf(t, scene.account, { sub: id }));
    expect(status).toBe(200);
    const claims = JSON.parse(Buffer.from(body.access_token.split('.')[1], 'base64url').toString());
    expect(claims).toMatchObject({ sub: id, act: { sub: scene.account.id }, client_id: scene.account.clientId });
  });

  it('gives no right of the user’s but to see who it is', async () => {
    // Only whoever manages the staff may let in somebody with more rights.
    const account = await newServiceAccount(t, scene.organizationId);
    await t.world.grant(account.id, 'MANAGE_STAFF');
    const { id, groupId } = await t.world.userOf({ ...account, token: '' });
    await t.world.write((db) => db.update(User, { id }, { staffOrganizationId: scene.organizationId }));
    await t.world.grant(id, 'OBTAIN_ACCESS_TOKENS', 'MANAGE_USERS', 'MANAGE_ALL_GROUPS', 'MANAGE_STAFF');
    const { body } = await ask(await assertionOf(t, account, { sub: id }));
    const as = { token: body.access_token };
    expect((await t.as(as)('/user')).body.id).toBe(id);
    for (const path of ['/access/self', `/user/${id}`, '/groups', `/group/${groupId}`, '/organization'])
      expect((await t.as(as)(path)).status).toBe(403);
    expect((await t.send(as, 'PUT', '/user', { name: 'Somebody else' })).status).toBe(403);
  });

  it.each(['/login', '/api'])('refuses whom the policy refuses, for %s', async (path) => {
    const resource = PUBLIC_URL + path;
    const notIn = await t.world.user({ organizationId: scene.organizationId });
    const other = await t.world.organization();
    const elsewhere = await t.world.user({ organizationId: other });
    const group = await t.world.group(scene.organizationId);
    await t.world.allow(scene.account.id, group, 'MANAGE');
    await t.world.join(elsewhere, group);
    const invited = await t.world.user({ organizationId: scene.organizationId });
    await t.world.join(invited, group, 'INVITED');
    for (const sub of [notIn, elsewhere, invited])
      expect(outcomeOf(await ask(await assertionOf(t, scene.account, { sub }), { resource }))).toEqual(INVALID_GRANT);
  });

  it('refuses a client of another organization, and any other resource', async () => {
    const foreign = await newClient(t, await t.world.organization());
    expect(outcomeOf(await ask(await assertionOf(t, scene.account), {}, foreign))).toEqual(INVALID_GRANT);
    const answer = await ask(await assertionOf(t, scene.account), { resource: 'https://else.example/' });
    expect(answer.body.error).toBe('invalid_target');
  });

  it('takes a client of the organization that authenticates', async () => {
    const { body } = await ask(await assertionOf(t, scene.account), {}, scene.client);
    const claims = JSON.parse(Buffer.from(body.access_token.split('.')[1], 'base64url').toString());
    expect(claims.client_id).toBe(scene.client.id);
  });
});
