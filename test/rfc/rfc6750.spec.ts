import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TokensService } from '../../src/tokens/tokens.service.js';
import { TestApp } from '../support/app.js';
import { newScene, newTokens } from '../support/oauth.js';
import type { Scene } from '../support/oauth.js';

let t: TestApp;
let scene: Scene;
let token: string;

beforeAll(async () => {
  t = await TestApp.start();
  scene = await newScene(t);
  token = (await newTokens(scene)).access_token;
});
afterAll(() => t.stop());

async function outcomeOf(path: string, options: Parameters<TestApp['call']>[1] = {}): Promise<[number, string | null]> {
  const { status, headers } = await t.call(`/api/2.1.1${path}`, options);
  return [status, headers.get('www-authenticate')];
}

describe('RFC 6750: bearer tokens', () => {
  it.each(['Bearer T', 'bearer T', 'BEARER T', 'OAuth T', 'Bearer   T'])('2.1: are taken from %j', async (header) => {
    const authorization = header.replace(/T$/, token);
    expect(await outcomeOf('/user', { headers: { authorization } })).toEqual([200, null]);
  });

  it('2.2, 2.3: are taken neither from the body nor from the query string', async () => {
    expect((await outcomeOf(`/user?access_token=${token}`))[0]).toBe(401);
    const body = new URLSearchParams({ access_token: token }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    expect((await outcomeOf('/user', { method: 'PUT', headers, body }))[0]).toBe(401);
  });

  it('2, 5.3: are taken from nowhere else, and nowhere else beside the header', async () => {
    const headers = { cookie: `access_token=${token}; token=${token}` };
    expect((await outcomeOf('/user', { headers }))[0]).toBe(401);
    const both = { authorization: `Bearer ${token}`, cookie: 'access_token=x' };
    expect((await outcomeOf('/user?access_token=x', { headers: both }))[0]).toBe(200);
  });

  it('3.1: invalid_token for one that has expired', async () => {
    const { access_token } = await newTokens(scene);
    t.clock.advance(3600 + 61);
    const authorization = `Bearer ${access_token}`;
    const [status, challenge] = await outcomeOf('/user', { headers: { authorization } });
    t.clock.reset();
    expect([status, challenge]).toEqual([
      401,
      'Bearer realm="latchkey", error="invalid_token", error_description="The access token has expired."',
    ]);
  });

  it('3.1: insufficient_scope and 403 for one without the scope, which is named', async () => {
    const iat = Math.floor(Date.now() / 1000);
    const claims = { sub: scene.person.id, client_id: scene.client.id, jti: randomUUID(), iat, exp: iat + 60 };
    const authorization = `Bearer ${await t.nest.get(TokensService, { strict: false }).sign('access', claims)}`;
    expect(await outcomeOf('/user', { headers: { authorization } })).toEqual([
      403,
      'Bearer realm="latchkey", error="insufficient_scope", scope="ROLE_USER"',
    ]);
  });

  it('3.1: no error attribute without credentials', async () => {
    expect(await outcomeOf('/user')).toEqual([401, 'Bearer realm="latchkey"']);
  });

  it.each(['Bearer x', 'Bearer a.b.c', `Bearer ${'x'.repeat(5000)}`])(
    '3.1: invalid_token for %.20j',
    async (authorization) => {
      const [status, challenge] = await outcomeOf('/user', { headers: { authorization } });
      expect(status).toBe(401);
      expect(challenge).toMatch(/^Bearer realm="latchkey", error="invalid_token", error_description="[^"]+"$/);
    },
  );
});
