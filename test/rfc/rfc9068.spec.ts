import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify, SignJWT } from 'jose';
import { KeyRing } from '../../src/tokens/key-ring.js';
import { PUBLIC_URL, TestApp } from '../support/app.js';
import { assertionOf, JWT_BEARER, newScene, newTokens, requestToken } from '../support/oauth.js';
import type { Scene } from '../support/oauth.js';

let t: TestApp;
let scene: Scene;

beforeAll(async () => {
  t = await TestApp.start();
  scene = await newScene(t);
});
afterAll(() => t.stop());

async function ask(more: Record<string, string>): Promise<Record<string, unknown>> {
  const fields = { grant_type: JWT_BEARER, assertion: await assertionOf(t, scene.account), ...more };
  return (await requestToken(t.url, fields)).body;
}

describe('RFC 9068: JWT access tokens', () => {
  it('2.1: are signed with ES256, and with RS256 as the one deviation neither signed nor taken (decision 8)', async () => {
    const tokens = await newTokens(scene);
    const { alg, kid } = decodeProtectedHeader(tokens.access_token);
    const { keys } = (await t.call('/oauth/keys')).body as { keys: { alg: string; kid: string }[] };
    expect([alg, keys.find((key) => key.kid === kid)?.alg]).toEqual(['ES256', 'ES256']);
    for (const purpose of ['ID_RS256', 'ID_ES256'] as const) {
      const key = t.nest.get(KeyRing, { strict: false }).signing(purpose);
      const forged = await new SignJWT(decodeJwt(tokens.access_token))
        .setProtectedHeader({ alg: key.algorithm, typ: 'at+jwt', kid: key.kid })
        .sign(key.signing);
      expect((await t.as({ token: forged })('/user')).status).toBe(401);
    }
  });

  it('2.1, 2.2: have the type and the claims, and verify with the published keys', async () => {
    const tokens = await newTokens(scene);
    const keys = createLocalJWKSet((await t.call('/oauth/keys')).body);
    const { payload, protectedHeader } = await jwtVerify(tokens.access_token, keys, {
      typ: 'at+jwt',
      issuer: PUBLIC_URL,
      audience: `${PUBLIC_URL}/api`,
    });
    expect(protectedHeader).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: expect.any(String) });
    expect(payload).toEqual({
      iss: PUBLIC_URL,
      aud: `${PUBLIC_URL}/api`,
      sub: scene.person.id,
      client_id: scene.client.id,
      scope: 'ROLE_USER',
      jti: tokens.jti,
      grant_id: expect.any(String),
      iat: expect.any(Number),
      exp: payload.iat! + 3600,
    });
  });

  it('3: a resource that there is not is invalid_target, and the API is what is meant without one', async () => {
    expect(await ask({ resource: 'https://else.example/' })).toMatchObject({ error: 'invalid_target' });
    for (const more of [{}, { resource: `${PUBLIC_URL}/api` }] as Record<string, string>[])
      expect(decodeJwt(String((await ask(more)).access_token)).aud).toBe(`${PUBLIC_URL}/api`);
  });

  it('2.2.2, 5: the subject of a service account’s own token is the service account, never a user', async () => {
    const fields = { grant_type: JWT_BEARER, assertion: await assertionOf(t, scene.account) };
    const { access_token } = (await requestToken(t.url, fields)).body;
    const { sub, client_id, act } = decodeJwt(access_token);
    expect({ sub, client_id, act }).toEqual({
      sub: scene.account.id,
      client_id: scene.account.clientId,
      act: undefined,
    });
  });

  it('5: refresh tokens, codes and assertions are no access tokens', async () => {
    const { refresh_token } = await newTokens(scene);
    for (const token of [refresh_token, await assertionOf(t, scene.account, { aud: `${PUBLIC_URL}/api` })])
      expect((await t.as({ token })('/user')).status).toBe(401);
  });

  it('5: access tokens are no sign-in links, refresh tokens or assertions', async () => {
    const { access_token } = await newTokens(scene);
    expect((await t.login(access_token)).status).toBe(401);
    const refresh = { grant_type: 'refresh_token', refresh_token: access_token };
    expect((await requestToken(t.url, refresh, scene.client)).body.error).toBe('invalid_grant');
    const assertion = { grant_type: JWT_BEARER, assertion: access_token };
    expect((await requestToken(t.url, assertion, scene.client)).body.error).toBe('invalid_grant');
    expect(decodeProtectedHeader(access_token).typ).toBe('at+jwt');
  });
});
