import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestApp } from './support/app.js';
import type { Answer } from './support/app.js';
import { assertionOf, authorizeQuery, Browser, JWT_BEARER, newScene, REDIRECT_URI } from './support/oauth.js';
import type { Scene } from './support/oauth.js';

let t: TestApp;
let scene: Scene;

beforeAll(async () => {
  t = await TestApp.start();
  scene = await newScene(t);
});
afterAll(() => t.stop());

function post(path: string, fields: object, type = 'application/json'): Promise<Answer> {
  const body = type === 'application/json' ? JSON.stringify(fields) : new URLSearchParams({ ...fields }).toString();
  return t.call(path, { method: 'POST', headers: { 'content-type': type }, body });
}

describe.each(['/oauth', '/daas/oauth'])('at %s', (base) => {
  it.each(['application/x-www-form-urlencoded', 'application/json'])(
    'a host connects, refreshes and revokes with %s',
    async (type) => {
      const browser = new Browser({
        call: (path, options) => t.call(path.replace(/^\/oauth(?=\/authorize\?)/, base), options),
      });
      const landed = await browser.authorize(authorizeQuery(scene.client), scene.person.emailAddress);
      const client = { client_id: scene.client.id, client_secret: scene.client.secret };
      const exchange = {
        grant_type: 'authorization_code',
        code: landed.searchParams.get('code')!,
        redirect_uri: REDIRECT_URI,
      };
      const { status, body } = await post(`${base}/token`, { ...exchange, ...client }, type);
      expect([status, body.token_type]).toEqual([200, 'Bearer']);
      const refresh = { grant_type: 'refresh_token', refresh_token: body.refresh_token, ...client };
      expect((await post(`${base}/token`, refresh, type)).status).toBe(200);
      const revoked = await post(`${base}/revoke`, { token: body.refresh_token, ...client }, type);
      expect([revoked.status, revoked.text]).toEqual([200, '{}']);
      expect((await post(`${base}/token`, refresh, type)).body.error).toBe('invalid_grant');
    },
  );

  it('the keys are published', async () => {
    const { status, text } = await t.call(`${base}/keys`);
    expect([status, text]).toEqual([200, (await t.call('/oauth/keys')).text]);
  });

  it('other methods are answered 405', async () => {
    for (const path of ['/token', '/revoke']) expect((await t.call(base + path)).status).toBe(405);
  });
});

it.each(['/oauth/token', '/daas/oauth/token', '/api/2/token', '/api/2.1/token', '/api/2.1.1/token'])(
  'a service account gets a token at %s, with JSON too',
  async (path) => {
    for (const type of ['application/x-www-form-urlencoded', 'application/json']) {
      const assertion = await assertionOf(t, scene.account, { aud: `http://latchkey.test${path}` });
      expect((await post(path, { grant_type: JWT_BEARER, assertion }, type)).status).toBe(200);
    }
  },
);

it.each([
  ['a list', { grant_type: ['refresh_token'] }, 'grant_type'],
  ['an object', { grant_type: 'refresh_token', refresh_token: {} }, 'refresh_token'],
  ['a number', { grant_type: 'refresh_token', refresh_token: 7 }, 'refresh_token'],
  ['null', { grant_type: 'refresh_token', client_id: null }, 'client_id'],
])('JSON with %s where a text is expected is invalid_request', async (_what, fields, field) => {
  for (const path of ['/oauth/token', '/oauth/revoke']) {
    const { status, body } = await post(path, fields);
    expect([status, body.error, body.id, body.field]).toEqual([400, 'invalid_request', 'invalid_request', field]);
  }
});

it('a body of another kind is 415', async () => {
  expect((await post('/oauth/token', { grant_type: 'x' }, 'text/plain')).status).toBe(415);
});

it('a PUT or DELETE that names JSON and has no body is valid', async () => {
  const admin = await t.world.caller({ permissions: ['MANAGE_USERS'] });
  const id = await t.world.user({ organizationId: admin.organizationId });
  const headers = { 'content-type': 'application/json' };
  expect((await t.as(admin)(`/user/${id}`, { method: 'PUT', headers })).status).toBe(200);
  expect((await t.as(admin)(`/user/${id}`, { method: 'DELETE', headers })).status).toBeLessThan(300);
});
