import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestApp } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { newClient, newCode, newScene, newTokens, REDIRECT_URI, requestToken } from '../support/oauth.js';
import type { Scene, TestClient } from '../support/oauth.js';

const JSON_TYPE = /^application\/json(; charset=utf-8)?$/;

let t: TestApp;
let scene: Scene;

beforeAll(async () => {
  t = await TestApp.start();
  scene = await newScene(t);
});
afterAll(() => t.stop());

function revoke(token: string, client: TestClient = scene.client): Promise<Answer> {
  return requestToken(t.url, { token }, client, '/oauth/revoke');
}

async function canRefresh(refresh_token: string): Promise<boolean> {
  return (await requestToken(t.url, { grant_type: 'refresh_token', refresh_token }, scene.client)).status === 200;
}

describe('RFC 7009: token revocation', () => {
  it('2.1: revokes a refresh token', async () => {
    const { refresh_token } = await newTokens(scene);
    expect((await revoke(refresh_token)).status).toBe(200);
    expect(await canRefresh(refresh_token)).toBe(false);
  });

  it('2.1: revokes an access token, and with a refresh token those that came with it', async () => {
    const statusOf = async (token: string) => (await t.as({ token })('/user')).status;
    const [first, second] = [await newTokens(scene), await newTokens(scene)];
    for (const { access_token } of [first, second]) expect(await statusOf(access_token)).toBe(200);
    expect((await revoke(first.access_token)).status).toBe(200);
    t.clock.advance(2);
    expect(await statusOf(first.access_token)).toBe(401);
    expect(await statusOf(second.access_token)).toBe(200);
    expect((await revoke(second.refresh_token)).status).toBe(200);
    t.clock.advance(2);
    expect(await statusOf(second.access_token)).toBe(401);
    t.clock.reset();
  });

  it.each(['/oauth/revoke/', '/oauth/revok%65'])('2.1: revokes at the address %s too', async (path) => {
    const { access_token, refresh_token } = await newTokens(scene);
    for (const token of [access_token, refresh_token]) {
      const { status, text } = await requestToken(t.url, { token }, scene.client, path);
      expect([status, text]).toEqual([200, '{}']);
    }
    t.clock.advance(2);
    expect((await t.as({ token: access_token })('/user')).status).toBe(401);
    t.clock.reset();
    expect(await canRefresh(refresh_token)).toBe(false);
  });

  it.each(['/oauth/revoke', '/daas/oauth/revoke'])(
    '2.2: answers {} as JSON at %s, whatever the token',
    async (path) => {
      const other = await newTokens({ ...scene, client: await newClient(t, scene.organizationId) });
      const { access_token, refresh_token } = await newTokens(scene);
      const tokens = [
        access_token,
        access_token,
        refresh_token,
        refresh_token,
        other.access_token,
        other.refresh_token,
      ];
      for (const token of [...tokens, 'x', 'a.b.c']) {
        const { status, headers, text } = await requestToken(t.url, { token }, scene.client, path);
        expect([status, text, headers.get('content-type')]).toEqual([200, '{}', expect.stringMatching(JSON_TYPE)]);
      }
    },
  );

  it('2.2: answers 200 for what is no token', async () => {
    for (const token of ['x', 'a.b.c', 'eyJhbGciOiJub25lIn0.e30.']) expect((await revoke(token)).status).toBe(200);
  });

  it('2.1: leaves the token of another client alone', async () => {
    const other = await newClient(t, scene.organizationId);
    const { refresh_token } = await newTokens(scene);
    expect((await revoke(refresh_token, other)).status).toBe(200);
    expect(await canRefresh(refresh_token)).toBe(true);
  });

  it.each(['access_token', 'refresh_token', 'something_else'])(
    '2.1: finds a token also by the hint %s',
    async (hint) => {
      const { refresh_token } = await newTokens(scene);
      const fields = { token: refresh_token, token_type_hint: hint };
      expect((await requestToken(t.url, fields, scene.client, '/oauth/revoke')).status).toBe(200);
      expect(await canRefresh(refresh_token)).toBe(false);
    },
  );

  it('2.1: leaves the access token of another client alone', async () => {
    const other = await newClient(t, scene.organizationId);
    const { access_token } = await newTokens(scene);
    expect((await revoke(access_token, other)).status).toBe(200);
    t.clock.advance(2);
    expect((await t.as({ token: access_token })('/user')).status).toBe(200);
    t.clock.reset();
  });

  it('2.1: lets a public client revoke what it got', async () => {
    const code_verifier = randomBytes(32).toString('base64url');
    const code_challenge = createHash('sha256').update(code_verifier).digest('base64url');
    const challenge = { code_challenge, code_challenge_method: 'S256' };
    const code = await newCode(scene, challenge, scene.publicClient);
    const exchange = { grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI, code_verifier };
    const { refresh_token } = (await requestToken(t.url, exchange, scene.publicClient)).body;
    expect((await revoke(refresh_token, scene.publicClient)).status).toBe(200);
    const refresh = { grant_type: 'refresh_token', refresh_token };
    expect((await requestToken(t.url, refresh, scene.publicClient)).body.error).toBe('invalid_grant');
  });

  it('2.2: answers 200 for a token that was revoked before', async () => {
    const { access_token, refresh_token } = await newTokens(scene);
    for (const token of [access_token, access_token, refresh_token, refresh_token])
      expect((await revoke(token)).status).toBe(200);
  });

  it('2.1: takes POST only', async () => {
    const { status, headers } = await t.call('/oauth/revoke?token=x');
    expect([status, headers.get('allow')]).toEqual([405, expect.stringContaining('POST')]);
  });

  it('2.1: asks the client to authenticate', async () => {
    const { refresh_token } = await newTokens(scene);
    const answer = await revoke(refresh_token, { ...scene.client, secret: 'wrong' });
    expect([answer.status, answer.body.error]).toEqual([401, 'invalid_client']);
    expect(await canRefresh(refresh_token)).toBe(true);
  });

  it('2.1: asks for a token', async () => {
    expect((await requestToken(t.url, {}, scene.client, '/oauth/revoke')).body.error).toBe('invalid_request');
  });
});
