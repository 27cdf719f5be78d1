import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { TestApp } from './support/app.js';
import type { Answer } from './support/app.js';
import { Client } from '../src/schema/entities/client.entity.js';
import { ClientRedirectUri } from '../src/schema/entities/client-redirect-uri.entity.js';
import { Browser, newClient, newPerson, REDIRECT_URI, requestToken } from './support/oauth.js';
import type { TestClient } from './support/oauth.js';

const INTRANET = 'http://moodle.intranet/callback';

let t: TestApp;
let organizationId: string;
let person: { id: string; emailAddress: string };
let old: TestClient;
let strict: TestClient;

beforeAll(async () => {
  t = await TestApp.start({ HTTP_REDIRECT_HOSTS: 'moodle.intranet, 10.0.0.7' });
  organizationId = await t.world.organization();
  person = await newPerson(t, organizationId);
  old = await newClient(t, organizationId, { compatibility: 'drillster' });
  strict = await newClient(t, organizationId);
});
afterAll(() => t.stop());

/** Where a browser ends that starts with these parameters, once its user has signed in and agreed. */
function authorize(client: TestClient, parameters: Record<string, string>): Promise<URL> {
  const query = new URLSearchParams({ client_id: client.id, redirect_uri: REDIRECT_URI, ...parameters });
  return new Browser(t).authorize(query.toString(), person.emailAddress);
}

async function codeFor(client: TestClient, parameters: Record<string, string> = {}): Promise<string> {
  return (await authorize(client, { response_type: 'code', ...parameters })).searchParams.get('code')!;
}

function exchange(client: TestClient, code: string, fields: Record<string, string> = {}): Promise<Answer> {
  return requestToken(t.url, { grant_type: 'authorization_code', code, ...fields }, client);
}

/** Each answers whether the oddity is taken: `true`, or the error with which it is refused. */
const ODDITIES: Record<string, (client: TestClient, scope: Record<string, string>) => Promise<unknown>> = {
  'an authorize link without response_type': async (client, scope) => {
    const query = new URLSearchParams({ client_id: client.id, redirect_uri: REDIRECT_URI, ...scope });
    const location = (await t.call(`/oauth/authorize?${query}`)).headers.get('location')!;
    return location.startsWith('/oauth/interaction/') || new URL(location).searchParams.get('error');
  },
  'an exchange without redirect_uri': async (client, scope) => {
    const { status, body } = await exchange(client, await codeFor(client, scope));
    return status === 200 || body.error;
  },
  'a code that is 59 minutes old': async (client, scope) => {
    const code = await codeFor(client, scope);
    t.clock.advance(59 * 60);
    const { status, body } = await exchange(client, code, { redirect_uri: REDIRECT_URI });
    t.clock.reset();
    return status === 200 || body.error;
  },
};

describe.each([
  ['an authorize link without response_type', 'invalid_request'],
  ['an exchange without redirect_uri', 'invalid_request'],
  ['a code that is 59 minutes old', 'invalid_grant'],
])('%s', (oddity, error) => {
  it('is taken from a client with the switch', async () => {
    expect(await ODDITIES[oddity]!(old, {})).toBe(true);
  });

  it(`is ${error} from everybody else`, async () => {
    expect(await ODDITIES[oddity]!(strict, {})).toBe(error);
  });

  it(`is ${error} with openid in the scope, also from a client with the switch`, async () => {
    expect(await ODDITIES[oddity]!(old, { scope: 'openid ROLE_USER' })).toBe(error);
  });
});

it('gives a code up after an hour', async () => {
  const code = await codeFor(old);
  t.clock.advance(61 * 60);
  expect((await exchange(old, code)).body.error).toBe('invalid_grant');
  t.clock.reset();
});

it('takes nothing lenient any more once the switch is off, also not for a code from before', async () => {
  const client = await newClient(t, organizationId, { compatibility: 'drillster' });
  const code = await codeFor(client);
  await t.world.write((db) => db.update(Client, { id: client.id }, { compatibility: null }));
  expect((await exchange(client, code)).body.error).toBe('invalid_request');
});

describe('a redirect URI over plain http to an intranet', () => {
  const allowed = { compatibility: 'drillster', redirectUris: [INTRANET, 'http://10.0.0.7:8080/'] } as const;

  it('is registered and used with the switch, on a host that the operator names', async () => {
    const manager = await t.world.caller({ organizationId, permissions: ['MANAGE_SERVICE_ACCOUNTS'] });
    const { status, body } = await t.as(manager)('/clients', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'Moodle', ...allowed }),
    });
    expect([status, body.compatibility, body.redirectUris]).toEqual([
      200,
      'drillster',
      [...allowed.redirectUris].toSorted(),
    ]);
    const landed = await authorize(body, { redirect_uri: INTRANET });
    expect(landed.href).toMatch(/^http:\/\/moodle\.intranet\/callback\?code=/);
  });

  it.each([
    ['without the switch', { ...allowed, compatibility: undefined }],
    ['on another host', { ...allowed, redirectUris: ['http://evil.example/'] }],
  ])('is refused %s', async (_title, fields) => {
    const manager = await t.world.caller({ organizationId, permissions: ['MANAGE_SERVICE_ACCOUNTS'] });
    const { status, body } = await t.as(manager)('/clients', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'Moodle', ...fields }),
    });
    expect([status, body.id]).toEqual([400, 'invalid_redirect_uri']);
  });

  it('has to go before the switch does', async () => {
    const manager = await t.world.caller({ organizationId, permissions: ['MANAGE_SERVICE_ACCOUNTS'] });
    const { id } = await newClient(t, organizationId, { ...allowed, redirectUris: [...allowed.redirectUris] });
    const off = await t.send(manager, 'PUT', `/client/${id}`, { compatibility: '' });
    expect([off.status, off.body.id]).toEqual([400, 'invalid_redirect_uri']);
    const both = await t.send(manager, 'PUT', `/client/${id}`, { compatibility: '', redirectUris: REDIRECT_URI });
    expect([both.status, both.body.compatibility, both.body.redirectUris]).toEqual([200, undefined, [REDIRECT_URI]]);
  });

  it.each([
    ['the operator allows the host no more', 'http://gone.intranet/', 'drillster'],
    ['the client has the switch no more', INTRANET, null],
  ] as const)('leads nowhere where %s', async (_title, uri, compatibility) => {
    const client = await newClient(t, organizationId, { compatibility });
    await t.world.write((db) => db.insert(ClientRedirectUri, { clientId: client.id, uri }));
    const query = new URLSearchParams({ response_type: 'code', client_id: client.id, redirect_uri: uri });
    const { status, headers } = await t.call(`/oauth/authorize?${query}`);
    expect([status, headers.get('location')]).toEqual([400, null]);
  });
});

it('answers incorrect_field for a compatibility that there is not', async () => {
  const manager = await t.world.caller({ organizationId, permissions: ['MANAGE_SERVICE_ACCOUNTS'] });
  const { status, body } = await t.send(manager, 'POST', '/clients', { name: 'Moodle', compatibility: 'moodle' });
  expect({ status, ...body }).toMatchObject({ status: 400, id: 'incorrect_field', field: 'compatibility' });
});

it('answers invalid_scope for an unknown scope before anybody signs in', async () => {
  for (const scope of ['ROLE_ADMIN', 'ROLE_USER ROLE_ADMIN', 'profile ROLE_ADMIN']) {
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: strict.id,
      redirect_uri: REDIRECT_URI,
      scope,
      state: 's',
    });
    const target = new URL((await t.call(`/oauth/authorize?${query}`)).headers.get('location')!);
    expect(target.origin + target.pathname).toBe(REDIRECT_URI);
    expect([target.searchParams.get('error'), target.searchParams.get('state')]).toEqual(['invalid_scope', 's']);
  }
});

it('drops scopes of OpenID Connect from a refresh for the API, as at authorize', async () => {
  const code = await codeFor(strict, { scope: 'profile ROLE_USER' });
  const { body } = await exchange(strict, code, { redirect_uri: REDIRECT_URI });
  const fields = { grant_type: 'refresh_token', refresh_token: body.refresh_token };
  for (const scope of ['openid', 'openid ROLE_USER', 'openid profile email offline_access']) {
    const { status, body: renewed } = await requestToken(t.url, { ...fields, scope }, strict);
    expect([status, renewed.scope, renewed.id_token]).toEqual([200, 'ROLE_USER', undefined]);
    fields.refresh_token = renewed.refresh_token;
  }
});

it('gives access to the API and an ID token to somebody who signs in for both', async () => {
  const code = await codeFor(strict, { scope: 'openid email ROLE_USER' });
  const { body } = await exchange(strict, code, { redirect_uri: REDIRECT_URI });
  expect((await t.as({ token: body.access_token })('/user')).status).toBe(200);
  expect(decodeJwt(body.id_token)).toMatchObject({ aud: strict.id, email: expect.any(String) });
  const userinfo = await t.call('/oauth/userinfo', { headers: { authorization: `Bearer ${body.access_token}` } });
  expect(userinfo.status).toBe(401);
});
