import { generateKeyPairSync } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt, SignJWT } from 'jose';
import { newId } from '../src/common/id.js';
import { CallerTokensService } from '../src/clients/caller-tokens.service.js';
import { ClientSecret } from '../src/schema/entities/client-secret.entity.js';
import { MAX_SECRETS } from '../src/clients/client-secrets.service.js';
import { OAuthRecord } from '../src/schema/entities/oauth-record.entity.js';
import { call, outcome, PUBLIC_URL, TestApp } from './support/app.js';
import type { Answer } from './support/app.js';
import {
  assertionOf,
  authenticationOf,
  authorizeQuery,
  Browser,
  JWT_BEARER,
  newPerson,
  newScene,
  newServiceAccount,
  newTokens,
  REDIRECT_URI,
  requestToken,
} from './support/oauth.js';
import type { TestClient } from './support/oauth.js';
import type { TestCaller } from './support/world.js';

let t: TestApp;
let admin: TestCaller;

beforeAll(async () => {
  t = await TestApp.start();
  admin = await t.world.caller({ permissions: ['MANAGE_SERVICE_ACCOUNTS', 'OBTAIN_ACCESS_TOKENS'] });
  for (const host of ['learn.example.com', 'a.example', 'b.example', 'other.example'])
    await t.world.origin(admin.organizationId, `https://${host}`);
});
afterAll(() => t.stop());

/** Calls the API with JSON. */
function send(method: 'POST' | 'PUT', path: string, fields: object, caller = admin): Promise<Answer> {
  return t.as(caller)(path, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(fields),
  });
}

async function newClient(
  fields: object = {},
  caller = admin,
): Promise<TestClient & { secrets: { id: string }[]; clientId: string }> {
  const { status, body } = await send('POST', '/clients', { name: 'Host', ...fields }, caller);
  expect(status).toBe(200);
  return body;
}

async function total(): Promise<number> {
  return (await t.as(admin)('/clients')).body.pagination.total;
}

/** How the token endpoint takes the client: as `invalid_grant` once it is authenticated. */
async function authentication(client: TestClient): Promise<string> {
  const fields = { grant_type: 'authorization_code', code: 'none', redirect_uri: REDIRECT_URI };
  return (await requestToken(t.url, fields, client)).body.error;
}

describe('a client', () => {
  it('is answered with its secret once, of which only a hash is kept', async () => {
    const fields = { name: 'Host', redirectUris: [REDIRECT_URI], origins: ['https://learn.example.com'] };
    const answer = await send('POST', '/clients', fields);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const { secret, ...client } = answer.body;
    expect(secret).toMatch(/^[\w-]{43}$/);
    expect(client).toEqual({
      type: 'CLIENT',
      id: expect.stringMatching(/^[\da-f]{32}$/),
      isPublic: false,
      ...fields,
      idTokenSignedResponseAlg: 'RS256',
      postLogoutRedirectUris: [],
      backchannelLogoutSessionRequired: true,
      secrets: [{ id: expect.stringMatching(/^[\w-]{22}$/), created: expect.any(String) }],
      organization: { type: 'ORGANIZATION', id: admin.organizationId, name: 'Academy' },
      created: expect.any(String),
    });
    expect((await t.as(admin)(`/client/${client.id}`)).body).toEqual(client);
    const list = await t.as(admin)('/clients?resultSize=100');
    expect(list.body.clients).toContainEqual(client);
    const [row] = await t.world.write((db) => db.findBy(ClientSecret, { clientId: client.id }));
    for (const text of [list.text, JSON.stringify(row)]) expect(text).not.toContain(secret);
    expect(list.text).not.toContain(row!.secretHash);
    expect(await authentication({ id: client.id, secret })).toBe('invalid_grant');
    expect(await authentication({ id: client.id, secret: row!.secretHash })).toBe('invalid_client');
    expect(await authentication({ id: client.id, secret: row!.id })).toBe('invalid_client');
  });

  it('takes its lists as a form too, one field for each', async () => {
    const body = new URLSearchParams({ name: 'Form', isPublic: '1', origins: '' });
    for (const uri of ['com.example.app:/a', 'http://127.0.0.1/b']) body.append('redirectUris', uri);
    const { status, body: client } = await t.as(admin)('/clients', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: body.toString(),
    });
    expect(status).toBe(200);
    expect(client).toMatchObject({
      isPublic: true,
      redirectUris: ['com.example.app:/a', 'http://127.0.0.1/b'],
      origins: [],
      secrets: [],
    });
    expect(client).not.toHaveProperty('secret');
    const one = await t.send(admin, 'PUT', `/client/${client.id}`, { redirectUris: 'https://host.example/one' });
    expect(one.body.redirectUris).toEqual(['https://host.example/one']);
    const none = await t.send(admin, 'PUT', `/client/${client.id}`, { redirectUris: '' });
    expect(none.body).toMatchObject({ name: 'Form', redirectUris: [] });
  });

  it('is listed in cursor pages, which are stable while rows come and go', async () => {
    const caller = await t.world.caller({ permissions: ['MANAGE_SERVICE_ACCOUNTS'] });
    const ids = [caller.clientId];
    for (let i = 0; i < 4; i++) ids.push((await newClient({}, caller)).id);
    ids.sort();
    const first = (await t.as(caller)('/clients?resultSize=2')).body;
    expect(first.pagination).toEqual({ total: 5, lastOnPage: ids[1], moreAvailable: true });
    const gone = ids.find((id, index) => index > 1 && id !== caller.clientId)!;
    expect((await t.send(caller, 'DELETE', `/client/${gone}`)).status).toBe(200);
    const rest = (await t.as(caller)(`/clients?resultFrom=${first.pagination.lastOnPage}&resultSize=100`)).body;
    const shown = [...first.clients, ...rest.clients].map(({ id }: { id: string }) => id);
    expect(shown).toEqual(ids.filter((id) => id !== gone));
    expect(outcome(await t.as(caller)('/clients?resultSize=101'))).toEqual([400, 'invalid_result_size']);
  });

  it('changes in what is given, and nothing else', async () => {
    const client = await newClient({ redirectUris: [REDIRECT_URI], origins: ['https://a.example'] });
    const { secret: _, ...before } = client as unknown as Record<string, unknown>;
    const named = await send('PUT', `/client/${client.id}`, { name: 'New', isPublic: true });
    expect(named.body).toEqual({ ...before, name: 'New' });
    const moved = await send('PUT', `/client/${client.id}`, { origins: ['https://b.example', 'https://b.example'] });
    expect(moved.body).toEqual({ ...before, name: 'New', origins: ['https://b.example'] });
  });

  it('has one of its origins for frames, which its tokens are for unless the call says otherwise', async () => {
    const { id } = await t.world.userOf(admin);
    const path = `/client/${admin.clientId}`;
    const [first, second] = ['https://a.example', 'https://b.example'];
    await send('PUT', path, { origins: [first, second], embedOrigin: first });
    expect((await t.as(admin)(path)).body.embedOrigin).toBe(first);
    const local = await TestApp.startOnSameDatabase({ PUBLIC_URL: 'http://localhost:3000' });
    const { id: caller, clientId } = admin;
    const token = await local.nest.get(CallerTokensService).mint({ by: 'id', id: caller }, 3600, clientId);
    const madeThere = async (query = ''): Promise<[boolean, string | null]> => {
      const { body } = await local.as({ token })(`/access/${id}${query}`);
      const { jti } = decodeJwt(body.token);
      const { secure, embedOrigin } = (await t.world.loginToken(jti!))!;
      return [secure, embedOrigin];
    };
    expect(await madeThere()).toEqual([true, first]);
    expect(await madeThere(`?embed=${second}`)).toEqual([true, second]);
    expect(await madeThere('?embed=none')).toEqual([false, null]);
    expect(outcome(await local.as({ token })(`/access/${id}?embed=`))).toEqual([400, 'incorrect_field']);
    const refused = await send('PUT', path, { embedOrigin: 'https://other.example' });
    expect([...outcome(refused), refused.body.field]).toEqual([400, 'invalid_origin', 'embedOrigin']);
    await send('PUT', path, { name: 'Other', origins: [second, first] });
    expect(await madeThere()).toEqual([true, first]);
    await send('PUT', path, { origins: [second] });
    expect(await madeThere()).toEqual([false, null]);
    await send('PUT', path, { embedOrigin: second });
    expect(await madeThere()).toEqual([true, second]);
    await send('PUT', path, { embedOrigin: '' });
    expect(await madeThere()).toEqual([false, null]);
    await local.nest.close();
  });

  it('has it for what a service account obtains too: a login token, and an access token that starts a session', async () => {
    const account = await newServiceAccount(t, admin.organizationId);
    const { id, groupId } = await t.world.userOf(admin);
    await t.world.allow(account.id, groupId, 'MANAGE');
    const fields = { origins: ['https://a.example'], embedOrigin: 'https://a.example', compatibility: 'drillster' };
    expect((await send('PUT', `/client/${account.clientId}`, fields)).status).toBe(200);
    const local = await TestApp.startOnSameDatabase({ PUBLIC_URL: 'http://localhost:3000' });
    const madeWith = async (more: Record<string, string>): Promise<string | null> => {
      const assertion = await assertionOf(t, account, { sub: id, aud: 'http://localhost:3000/oauth/token' });
      const { body } = await requestToken(local.url, { grant_type: JWT_BEARER, assertion, ...more });
      const { jti } = decodeJwt(body.access_token);
      return (await t.world.loginToken(jti!))!.embedOrigin;
    };
    const resource = 'http://localhost:3000/login';
    expect(await madeWith({ resource })).toBe('https://a.example');
    expect(await madeWith({ resource, embed: 'none' })).toBeNull();
    expect(await madeWith({})).toBe('https://a.example');
    await local.nest.close();
  });

  it('lets its users land on its origins, and on no other', async () => {
    const { id } = await t.world.userOf(admin);
    await send('PUT', `/client/${admin.clientId}`, { origins: ['https://learn.example.com'] });
    const query = (target: string): string => `/access/${id}?returnTo=${encodeURIComponent(target)}`;
    expect((await t.as(admin)(query('https://learn.example.com/course/1'))).status).toBe(200);
    await send('PUT', `/client/${admin.clientId}`, { origins: ['https://other.example'] });
    expect(outcome(await t.as(admin)(query('https://learn.example.com/course/1')))).toEqual([400, 'incorrect_field']);
  });

  it('has its codes sent to the very URI that is registered, on loopback too', async () => {
    const { emailAddress } = await newPerson(t, admin.organizationId);
    const uris = ['http://127.0.0.1:4000/callback', 'com.example.app:/callback'];
    const client = { ...(await newClient({ isPublic: true, redirectUris: uris })), secret: '' };
    const challenge = { code_challenge: 'a'.repeat(43), code_challenge_method: 'S256' };
    for (const redirect_uri of uris) {
      const browser = new Browser(t);
      const target = await browser.authorize(authorizeQuery(client, { ...challenge, redirect_uri }), emailAddress);
      expect(target.href).toContain(`${redirect_uri}?code=`);
    }
    for (const redirect_uri of [
      'http://127.0.0.1:4001/callback',
      'http://127.0.0.1/callback',
      'http://127.0.0.1:4000/callback/',
      'http://127.0.0.1:4000/callback?a',
      'com.example.app:/Callback',
      'com.example.app:/callback/..',
    ]) {
      const answer = await t.call(`/oauth/authorize?${authorizeQuery(client, { ...challenge, redirect_uri })}`);
      expect({ redirect_uri, status: answer.status }).toEqual({ redirect_uri, status: 400 });
      expect(answer.headers.get('location')).toBeNull();
    }
  });

  it('of a private-use scheme makes no page without an origin a caller of the token endpoint', async () => {
    const client = await newClient({ isPublic: true, redirectUris: ['com.example.app:/callback'] });
    const answer = await call(t.url, '/oauth/token', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: 'null' },
      body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: 'x', client_id: client.id }).toString(),
    });
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  });
});

const APPLICATION = {
  initiateLoginUri: 'https://a.example/oidc/login?site=1',
  startUri: 'https://b.example/login',
  hostUri: 'https://intranet.example/learning',
  postLogoutRedirectUris: ['https://a.example/', 'https://elsewhere.example/bye'],
  backchannelLogoutUri: 'https://inside.example/oidc/logout',
  backchannelLogoutSessionRequired: false,
  tokenEndpointAuthMethod: 'client_secret_post',
  idTokenSignedResponseAlg: 'EdDSA',
};
const SITES = ['https://a.example', 'https://b.example'];

describe('a client that signs users in', () => {
  it('has its addresses and ways in every answer, and changes in what is given', async () => {
    const { secret: _, ...client } = (await newClient({ origins: SITES, ...APPLICATION })) as object as Record<
      string,
      unknown
    >;
    expect(client).toMatchObject({ origins: SITES, ...APPLICATION });
    expect((await t.as(admin)(`/client/${client.id}`)).body).toEqual(client);
    const changes = { startUri: '', hostUri: null, postLogoutRedirectUris: [], tokenEndpointAuthMethod: '' };
    const changed = await send('PUT', `/client/${client.id}`, changes);
    const { startUri: _start, hostUri: _host, tokenEndpointAuthMethod: _method, ...kept } = client;
    expect(changed.body).toEqual({ ...kept, postLogoutRedirectUris: [] });
    const form = await t.send(admin, 'PUT', `/client/${client.id}`, {
      postLogoutRedirectUris: 'https://a.example/out',
      backchannelLogoutSessionRequired: '1',
      initiateLoginUri: '',
    });
    const { initiateLoginUri: _login, ...rest } = kept;
    expect(form.body).toEqual({
      ...rest,
      postLogoutRedirectUris: ['https://a.example/out'],
      backchannelLogoutSessionRequired: true,
    });
  });

  it.each([
    [{ initiateLoginUri: 'https://other.example/login' }, 'invalid_origin', 'initiateLoginUri'],
    [{ startUri: 'https://a.example.evil.example/' }, 'invalid_origin', 'startUri'],
    [{ origins: ['https://b.example'] }, 'invalid_origin', 'initiateLoginUri'],
    [{ initiateLoginUri: 'https://a.example/#f' }, 'incorrect_field', 'initiateLoginUri'],
    [{ startUri: 'https://u@b.example/' }, 'incorrect_field', 'startUri'],
    [{ startUri: `https://b.example/${'x'.repeat(2000)}` }, 'incorrect_field', 'startUri'],
    [{ hostUri: 'http://intranet.example/' }, 'incorrect_field', 'hostUri'],
    [{ hostUri: 'javascript:alert(1)' }, 'incorrect_field', 'hostUri'],
    [{ hostUri: '/learning' }, 'incorrect_field', 'hostUri'],
    [{ backchannelLogoutUri: 'com.example.app:/out' }, 'incorrect_field', 'backchannelLogoutUri'],
    [{ postLogoutRedirectUris: ['http://a.example/'] }, 'invalid_redirect_uri', 'postLogoutRedirectUris'],
    [{ postLogoutRedirectUris: ['com.example.app:/out'] }, 'invalid_redirect_uri', 'postLogoutRedirectUris'],
    [
      { postLogoutRedirectUris: Array.from({ length: 21 }, (_, i) => `https://h.example/${i}`) },
      'invalid_redirect_uri',
      'postLogoutRedirectUris',
    ],
    [{ tokenEndpointAuthMethod: 'none' }, 'incorrect_field', 'tokenEndpointAuthMethod'],
    [
      { tokenEndpointAuthMethod: 'client_secret_post', jwks: { keys: [ed25519()] } },
      'incorrect_field',
      'tokenEndpointAuthMethod',
    ],
    [{ idTokenSignedResponseAlg: 'none' }, 'incorrect_field', 'idTokenSignedResponseAlg'],
    [{ idTokenSignedResponseAlg: '' }, 'incorrect_field', 'idTokenSignedResponseAlg'],
    [{ backchannelLogoutSessionRequired: 'maybe' }, 'invalid_request', 'backchannelLogoutSessionRequired'],
  ])('is not changed by %j', async (fields, id, field) => {
    const client = await newClient({ origins: SITES, ...APPLICATION });
    const before = (await t.as(admin)(`/client/${client.id}`)).body;
    const refused = await send('PUT', `/client/${client.id}`, { name: 'Other', ...fields });
    expect([...outcome(refused), refused.body.field]).toEqual([400, id, field]);
    expect((await t.as(admin)(`/client/${client.id}`)).body).toEqual(before);
  });

  it('and is public has no way of sending a secret', async () => {
    const fields = { name: 'App', isPublic: true, tokenEndpointAuthMethod: 'client_secret_basic' };
    expect(outcome(await send('POST', '/clients', fields))).toEqual([400, 'incorrect_field']);
  });

  it('and is native is led after a logout as it is led with a code', async () => {
    const native = {
      isPublic: true,
      redirectUris: ['com.example.app:/in'],
      postLogoutRedirectUris: ['com.example.app:/out'],
    };
    const { id } = await newClient(native);
    expect((await t.as(admin)(`/client/${id}`)).body).toMatchObject(native);
    const mixed = { ...native, postLogoutRedirectUris: ['https://localhost/out'] };
    expect(outcome(await send('POST', '/clients', { name: 'App', ...mixed }))).toEqual([400, 'invalid_redirect_uri']);
  });

  it('may have http addresses only as long as its compatibility allows them', async () => {
    const lenient = await TestApp.startOnSameDatabase({ HTTP_REDIRECT_HOSTS: 'old.example' });
    const put = (fields: object): Promise<Answer> =>
      lenient.as(admin)(`/client/${client.id}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(fields),
      });
    const client = await newClient();
    const hostUri = 'http://old.example/';
    expect(outcome(await put({ hostUri }))).toEqual([400, 'incorrect_field']);
    expect((await put({ hostUri, compatibility: 'drillster' })).status).toBe(200);
    expect(outcome(await put({ compatibility: '' }))).toEqual([400, 'incorrect_field']);
    expect((await put({ compatibility: '', hostUri: '' })).status).toBe(200);
    await lenient.nest.close();
  });

  it('sends its secret only as it registered, and with its keys no more', async () => {
    const client = await newClient({ redirectUris: [REDIRECT_URI] });
    const fields = { grant_type: 'authorization_code', code: 'none', redirect_uri: REDIRECT_URI };
    const inForm = { ...fields, client_id: client.id, client_secret: client.secret };
    const errors = async (): Promise<string[]> => [
      await authentication(client),
      (await requestToken(t.url, inForm)).body.error,
    ];
    expect(await errors()).toEqual(['invalid_grant', 'invalid_grant']);
    await send('PUT', `/client/${client.id}`, { tokenEndpointAuthMethod: 'client_secret_post' });
    expect(await errors()).toEqual(['invalid_client', 'invalid_grant']);
    await send('PUT', `/client/${client.id}`, { tokenEndpointAuthMethod: 'client_secret_basic' });
    expect(await errors()).toEqual(['invalid_grant', 'invalid_client']);
    const refused = await requestToken(t.url, inForm);
    expect([refused.status, refused.body.error_description]).toEqual([
      401,
      'the client must send its secret by client_secret_basic',
    ]);
    const wrong = await requestToken(t.url, { ...inForm, client_secret: 'wrong' });
    expect(wrong.body.error_description).toBe('client authentication failed');
    const keys = await send('PUT', `/client/${client.id}`, { jwks: { keys: [ed25519()] } });
    expect(keys.body).not.toHaveProperty('tokenEndpointAuthMethod');
  });
});

describe('what a client may not have', () => {
  it.each([
    [{ redirectUris: ['javascript:alert(1)'] }, 'invalid_redirect_uri'],
    [{ redirectUris: ['data:text/html,x'] }, 'invalid_redirect_uri'],
    [{ redirectUris: ['https://*.host.example/cb'] }, 'invalid_redirect_uri'],
    [{ redirectUris: ['https://u:p@host.example/cb'] }, 'invalid_redirect_uri'],
    [{ redirectUris: ['https://host.example/cb#f'] }, 'invalid_redirect_uri'],
    [{ redirectUris: ['http://host.example/cb'] }, 'invalid_redirect_uri'],
    [{ redirectUris: ['/cb'] }, 'invalid_redirect_uri'],
    [{ redirectUris: ['com.example.app:/cb'] }, 'invalid_redirect_uri'],
    [{ redirectUris: [REDIRECT_URI, 'no'] }, 'invalid_redirect_uri'],
    [{ isPublic: true, redirectUris: ['com.example.app:/cb', 'https://localhost/cb'] }, 'invalid_redirect_uri'],
    [{ redirectUris: Array.from({ length: 21 }, (_, i) => `https://h.example/${i}`) }, 'invalid_redirect_uri'],
    [{ redirectUris: [[REDIRECT_URI]] }, 'invalid_request'],
    [{ redirectUris: { 0: REDIRECT_URI } }, 'invalid_request'],
    [{ redirectUris: [7] }, 'invalid_request'],
    [{ origins: ['https://learn.example.com/'] }, 'invalid_origin'],
    [{ origins: ['https://*.example.com'] }, 'invalid_origin'],
    [{ origins: ['null'] }, 'invalid_origin'],
    [{ origins: ['https://a.example', 'https://unclaimed.example'] }, 'origin_not_owned'],
    [{ origins: Array.from({ length: 21 }, (_, i) => `https://h${i}.example`) }, 'invalid_origin'],
    [{ jwks: '{"keys":[]}' }, 'invalid_jwks'],
    [{ jwks: { keys: [{ kty: 'oct', k: 'AAAA' }] } }, 'invalid_jwks'],
    [{ jwks: { keys: [generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })] } }, 'invalid_jwks'],
    [{ jwks: { keys: [{ ...ed25519(), alg: 'HS256' }] } }, 'invalid_jwks'],
    [{ jwks: { keys: [{ ...ed25519(), use: 'enc' }] } }, 'invalid_jwks'],
    [{ jwks: { keys: [{ ...ed25519(), kid: 7 }] } }, 'invalid_jwks'],
    [{ jwks: { keys: Array.from({ length: 11 }, ed25519) } }, 'invalid_jwks'],
    [{ jwks: { keys: [ed25519()] }, isPublic: true }, 'invalid_jwks'],
    [{ jwks: 'https://host.example/jwks' }, 'invalid_jwks'],
    [{ jwks: 'x'.repeat(20_001) }, 'invalid_jwks'],
    [{ jwks: [ed25519()] }, 'invalid_request'],
    [{ isPublic: 'maybe' }, 'invalid_request'],
    [{ name: '' }, 'name_missing'],
    [{ name: 'x'.repeat(256) }, 'name_missing'],
    [{ name: null }, 'name_missing'],
    [{ name: 'a\0' }, 'invalid_request'],
  ])('%j is refused, and leaves no client', async (fields, id) => {
    const before = await total();
    expect(outcome(await send('POST', '/clients', { name: 'Host', ...fields }))).toEqual([400, id]);
    expect(await total()).toBe(before);
  });

  it('is refused in a change too, which then changes nothing', async () => {
    const client = await newClient({ redirectUris: [REDIRECT_URI] });
    const before = (await t.as(admin)(`/client/${client.id}`)).body;
    for (const [fields, id] of [
      [{ name: 'Other', redirectUris: ['https://other.example/', 'javascript:x'] }, 'invalid_redirect_uri'],
      [{ name: 'Other', origins: ['x'] }, 'invalid_origin'],
      [{ name: 'Other', origins: ['https://unclaimed.example'] }, 'origin_not_owned'],
      [{ redirectUris: ['https://other.example/'], jwks: 'x' }, 'invalid_jwks'],
      [{ name: '' }, 'invalid_name'],
    ] as const)
      expect(outcome(await send('PUT', `/client/${client.id}`, fields))).toEqual([400, id]);
    expect((await t.as(admin)(`/client/${client.id}`)).body).toEqual(before);
  });
});

describe('the secrets of a client', () => {
  it('are good side by side, and each until it is deleted', async () => {
    const client = await newClient({ redirectUris: [REDIRECT_URI] });
    const added = await t.send(admin, 'POST', `/client/${client.id}/secrets`);
    expect(added.headers.get('cache-control')).toBe('no-store');
    expect(added.body).toEqual({
      id: expect.stringMatching(/^[\w-]{22}$/),
      secret: expect.stringMatching(/^[\w-]{43}$/),
      created: expect.any(String),
    });
    const newer = { ...client, secret: added.body.secret };
    expect([await authentication(client), await authentication(newer)]).toEqual(['invalid_grant', 'invalid_grant']);
    const path = `/client/${client.id}/secrets/${client.secrets[0]!.id}`;
    expect((await t.send(admin, 'DELETE', path)).body).toEqual({ description: 'The secret is deleted.' });
    expect([await authentication(client), await authentication(newer)]).toEqual(['invalid_client', 'invalid_grant']);
    expect(outcome(await t.send(admin, 'DELETE', path))).toEqual([404, 'not_found']);
    const other = await newClient();
    expect(outcome(await t.send(admin, 'DELETE', `/client/${client.id}/secrets/${other.secrets[0]!.id}`))).toEqual([
      404,
      'not_found',
    ]);
  });

  it(`are ${MAX_SECRETS} at most, also when many are asked for at once`, async () => {
    const { id } = await newClient();
    const answers = await Promise.all(
      Array.from({ length: MAX_SECRETS + 3 }, () => t.send(admin, 'POST', `/client/${id}/secrets`)),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(MAX_SECRETS - 1);
    expect(answers.filter(({ body }) => body.id === 'limit_reached')).toHaveLength(4);
    expect((await t.as(admin)(`/client/${id}`)).body.secrets).toHaveLength(MAX_SECRETS);
  });

  it('are of no use to a public client, nor to one with keys', async () => {
    for (const fields of [{ isPublic: true }, { jwks: { keys: [ed25519()] } }]) {
      const { id } = await newClient(fields);
      expect(outcome(await t.send(admin, 'POST', `/client/${id}/secrets`))).toEqual([400, 'client_has_no_secret']);
    }
  });
});

describe('the keys of a client', () => {
  it.each([
    ['EdDSA', undefined],
    ['Ed25519', undefined],
    ['Ed25519', 'EdDSA'],
    ['EdDSA', 'Ed25519'],
  ])('sign by %s with a key on Ed25519 that is registered with alg %s', async (algorithm, alg) => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const jwk = { ...publicKey.export({ format: 'jwk' }), ...(alg && { alg }) };
    const { id } = await newClient({ redirectUris: [REDIRECT_URI], jwks: { keys: [jwk] } });
    const fields = { grant_type: 'authorization_code', code: 'none', redirect_uri: REDIRECT_URI };
    const signed = await authenticationOf({ id, algorithm, privateKey });
    expect((await requestToken(t.url, { ...fields, ...signed })).body.error).toBe('invalid_grant');
  });

  it('authenticate it in place of its secrets, which are gone then', async () => {
    const client = await newClient({ redirectUris: [REDIRECT_URI] });
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = publicKey.export({ format: 'jwk' });
    const changed = await send('PUT', `/client/${client.id}`, { jwks: { keys: [{ ...jwk, kid: 'one', extra: 'x' }] } });
    expect(changed.body).toMatchObject({
      secrets: [],
      jwks: { keys: [{ ...jwk, kid: 'one', alg: 'ES256', use: 'sig' }] },
    });
    expect(changed.text).not.toContain('extra');
    expect(await authentication(client)).toBe('invalid_client');
    const client_assertion = await new SignJWT({ jti: newId() })
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .setIssuer(client.id)
      .setSubject(client.id)
      .setAudience(PUBLIC_URL)
      .setExpirationTime('1m')
      .sign(privateKey);
    const { body } = await requestToken(t.url, {
      grant_type: 'authorization_code',
      code: 'none',
      redirect_uri: REDIRECT_URI,
      client_assertion,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    });
    expect(body.error).toBe('invalid_grant');
    const without = await send('PUT', `/client/${client.id}`, { jwks: '' });
    expect(without.body).not.toHaveProperty('jwks');
    expect(await authentication(client)).toBe('invalid_client');
    const { secret } = (await t.send(admin, 'POST', `/client/${client.id}/secrets`)).body;
    expect(await authentication({ ...client, secret })).toBe('invalid_grant');
  });
});

describe('a client that is deleted', () => {
  it('takes with it all tokens, sessions and records that came from it, within two seconds', async () => {
    const scene = await newScene(t);
    const { client, publicClient, organizationId } = scene;
    const deleter = await t.world.caller({ organizationId, permissions: ['MANAGE_SERVICE_ACCOUNTS'] });
    const tokens = await newTokens(scene);
    const pending = await new Browser(t).open(`/oauth/authorize?${authorizeQuery(client)}`);
    expect(pending.status).toBe(200);
    expect((await t.as({ token: tokens.access_token })('/user')).status).toBe(200);
    const host = await t.world.caller({ organizationId });
    const { id: user } = await t.world.userOf(host);
    const cookie = await t.signIn(host, user);
    const unused = await t.loginToken(host, user);
    const records = (clientId: string): Promise<number> => t.world.write((db) => db.countBy(OAuthRecord, { clientId }));
    expect(await records(client.id)).toBeGreaterThan(2);
    const kept = await newTokens({ ...scene, client: await confidential(organizationId) });

    for (const id of [client.id, host.clientId]) {
      const { status, body } = await t.send(deleter, 'DELETE', `/client/${id}`);
      expect({ status, body }).toEqual({ status: 200, body: { description: 'The client is deleted.' } });
    }
    const deletedAt = Date.now();
    const refresh = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token };
    expect((await requestToken(t.url, refresh, client)).body.error).toBe('invalid_client');
    expect((await requestToken(t.url, refresh, publicClient)).body.error).toBe('invalid_grant');
    expect(await records(client.id)).toBe(0);
    expect((await t.call('/session', { headers: { cookie } })).status).toBe(401);
    expect(outcome(await t.login(unused))).toEqual([401, 'invalid_token']);
    for (const token of [tokens.access_token, host.token])
      while ((await t.as({ token })('/user')).status !== 401) {
        expect(Date.now()).toBeLessThan(deletedAt + 2000);
        await setTimeout(50);
      }
    expect((await t.as({ token: kept.access_token })('/user')).status).toBe(200);
    expect(outcome(await t.send(deleter, 'DELETE', `/client/${client.id}`))).toEqual([404, 'not_found']);
  });
});

describe('who administers clients', () => {
  it('has MANAGE_SERVICE_ACCOUNTS in the same organization', async () => {
    const { id, secrets } = await newClient();
    const calls = [
      ['GET', '/clients'],
      ['POST', '/clients'],
      ['GET', `/client/${id}`],
      ['PUT', `/client/${id}`],
      ['DELETE', `/client/${id}`],
      ['POST', `/client/${id}/secrets`],
      ['DELETE', `/client/${id}/secrets/${secrets[0]!.id}`],
    ] as const;
    const { organizationId } = admin;
    const plain = await t.world.caller({
      organizationId,
      permissions: ['MANAGE_STAFF', 'MANAGE_USERS', 'MANAGE_ALL_GROUPS', 'OBTAIN_ACCESS_TOKENS'],
    });
    const outsider = await t.world.caller({ permissions: ['MANAGE_SERVICE_ACCOUNTS'] });
    const as = (caller: TestCaller, [method, path]: (typeof calls)[number]): Promise<Answer> =>
      method === 'GET' ? t.as(caller)(path) : t.send(caller, method, path, { name: 'Mine' });
    const before = (await t.as(admin)(`/client/${id}`)).body;
    for (const one of calls) expect([one, outcome(await as(plain, one))]).toEqual([one, [403, 'not_permitted']]);
    for (const one of calls.slice(2))
      expect([one, outcome(await as(outsider, one))]).toEqual([one, [404, 'not_found']]);
    expect((await t.as(outsider)('/clients')).text).not.toContain(id);
    expect((await t.as(admin)(`/client/${id}`)).body).toEqual(before);
  });
});

function ed25519(): object {
  return generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
}

/** A client of the organization with the redirect URI of the scenes. */
async function confidential(organizationId: string): Promise<TestClient> {
  const caller = await t.world.caller({ organizationId, permissions: ['MANAGE_SERVICE_ACCOUNTS'] });
  return newClient({ redirectUris: [REDIRECT_URI] }, caller);
}
