import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestApp } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { newClient, newScene, newTokens, requestToken } from '../support/oauth.js';
import type { Scene, TestClient } from '../support/oauth.js';

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

  it('2.2: answers 200 for what is no token', async () => {
    for (const token of ['x', 'a.b.c', 'eyJhbGciOiJub25lIn0.e30.']) expect((await revoke(token)).status).toBe(200);
  });

  it('2.1: leaves the token of another client alone', async () => {
    const other = await newClient(t, scene.organizationId);
    const { refresh_token } = await newTokens(scene);
    expect((await revoke(refresh_token, other)).status).toBe(200);
    expect(await canRefresh(refresh_token)).toBe(true);
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
